"""What the small checkpoints say of a synthetic sound, once and for all.

Agreement with the reference cannot show that a package changed what it computes, as both call it. If a
number here changes with a package, the vectors of real checkpoints do too: raise `EmbedderSpec.version`.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec, Embedding, Samples
from embeddings.embedders import load_cutter
from embeddings.embedders.base import Embedder

SECONDS = 35

Numbers = NDArray[np.float64]

NUMBERS = {
    "muq": (-0.6391, -1.3406, 0.6928, -1.3704),
    "mert": (-1.4097, 0.8042, -0.7979, -1.7204),
    "latent": (-0.1958, 0.5582, 0.3955, 0.1238),
    "muq joint": (1.3763, 0.8133, 0.0413, -2.7897),
}
"""Sums of a vector's numbers, each under one of four fixed sequences of signs."""


@pytest.mark.parametrize("key", ["muq", "mert", "latent"])
def test_the_vector_is_what_it_was(key: str, model: Callable[[str], Embedder]) -> None:
    np.testing.assert_allclose(signed_sums(embedded(model(key)).vector), NUMBERS[key], atol=1e-3)


def test_the_joint_vector_is_what_it_was(model: Callable[[str], Embedder]) -> None:
    joint = embedded(model("muq")).joint
    assert joint is not None
    np.testing.assert_allclose(signed_sums(joint), NUMBERS["muq joint"], atol=1e-3)


def embedded(embedder: Embedder) -> Embedding:
    spec = embedder.spec
    windows = list(load_cutter(spec)([sound(spec)], spec))
    features = [embedder.embed_windows([window])[0] for window in windows]
    return embedder.pool([window.span for window in windows], features)


def sound(spec: EmbedderSpec) -> Samples:
    """A melody of sliding chords over a beat; the channels differ by a little delay."""
    time = np.arange(SECONDS * spec.sample_rate, dtype=np.float64) / spec.sample_rate
    channels = [_mono(time - 0.01 * channel) for channel in range(spec.channels)]
    return np.stack(channels, axis=-1).squeeze().astype(np.float32)


def _mono(time: Numbers) -> Numbers:
    slide = 2 ** (np.sin(0.7 * time) + 0.25 * np.floor(time % 7))
    pitches = np.array([[110], [277], [660], [1733], [4100]])
    chord = (np.sin(2 * np.pi * pitches * time + 3 * slide) / pitches**0.5).sum(axis=0)
    beat = np.exp(-8 * (time % 0.5)) * np.sin(2 * np.pi * 55 * time)
    mixed: Numbers = chord * slide / 8 + 0.3 * beat
    return mixed


def signed_sums(vector: Samples) -> Numbers:
    signs = np.random.RandomState(len(vector)).choice([-1.0, 1.0], size=(4, len(vector)))
    sums: Numbers = signs @ vector
    return sums
