"""Music that nobody made: vectors of several models that agree on what is alike, as real ones roughly do."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec

GENRES = ("jazz", "rock", "ambient", "techno", "folk", "metal", "classical", "pop", "chiptune", "orchestral")
ARTIST, ALBUM = 20, 10
"""Tracks of one."""
LATENT = 32
"""Directions in which music differs; real embeddings have a few tens, however long they are."""
SPREAD = (1.0, 0.8, 0.5, 0.6)
"""How far genres, artists in one, albums of one and tracks of one lie apart."""
OWN = 0.25
"""What a model hears that the others do not, beside what they share."""
CHUNK = 1000

Vectors = NDArray[np.float32]


def latents(count: int) -> Vectors:
    """What the tracks are like, [count, LATENT]: tracks of an album, an artist and a genre follow each other."""
    chance = np.random.default_rng(11)
    numbers = np.arange(count)
    artists = chance.integers(len(GENRES), size=count // ARTIST + 1)
    groups = (artists[numbers // ARTIST], numbers // ARTIST, numbers // ALBUM, numbers)
    fading = np.linspace(1.0, 0.2, LATENT)
    found = np.zeros((count, LATENT))
    for spread, group in zip(SPREAD, groups, strict=True):
        found += spread * fading * chance.standard_normal((int(group.max()) + 1, LATENT))[group]
    return found.astype(np.float32)


def vectors(spec: EmbedderSpec, dimension: int, found: Vectors) -> Iterator[Vectors]:
    """The tracks as one field of a model has them, so many at a time, of length one."""
    chance = np.random.default_rng([ord(letter) for letter in f"{spec.key} {dimension}"])
    turned = chance.standard_normal((LATENT, dimension)).astype(np.float32)
    # Every model hears that all of it is music: its cosines crowd above 0.
    common = 1.5 * chance.standard_normal(dimension).astype(np.float32)
    for start in range(0, len(found), CHUNK):
        part = found[start : start + CHUNK]
        heard = part @ turned / np.sqrt(LATENT) + common
        heard += OWN * chance.standard_normal(heard.shape, dtype=np.float32)
        yield heard / np.linalg.norm(heard, axis=1, keepdims=True)
