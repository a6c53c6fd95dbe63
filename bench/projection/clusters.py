"""Made-up long vectors in clusters: styles, artists and albums, seen by 25 layers."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LAYERS, WIDTH = 25, 1024
LATENT = 256
"""Directions in which tracks differ systematically."""
SHARES = (0.85, 0.14, 0.01)
"""Of the squared length, for mean, spread and change; one normalisation over all three leaves them unequal."""
NOISE = 0.3
"""Share of a track's differences that it shares with no other."""


class Clusters:
    """Tracks of albums of artists of styles around a common direction.

    Each block (mean, spread, change) is the common direction, systematic differences seen by layers
    that rotate slowly into each other, and noise of the track's own in every dimension.
    """

    def __init__(self, name: str, count: int, crowding: tuple[float, float, float]) -> None:
        """Make the tracks; `crowding` is the mean cosine of two of them within each block."""
        self.name, self.count, self._crowding = name, count, crowding
        chance = np.random.default_rng(11)
        self._latents = _hierarchy(chance, count)
        self._common = [unit(chance.standard_normal(LAYERS * WIDTH, np.float32)) for _ in SHARES]
        self._views = [_rotating_views(chance) for _ in SHARES]
        # How large each block is varies by track.
        self._sizes = np.exp(0.1 * chance.standard_normal((count, len(SHARES)))).astype(np.float32)

    def rows(self, first: int, last: int) -> Array:
        """[last - first, 76,800] of unit length."""
        own = np.stack([_noise(number) for number in range(first, last)])
        blocks = []
        for place, (share, close) in enumerate(zip(SHARES, self._crowding, strict=True)):
            seen = unit(self._latents[first:last, place] @ self._views[place])
            differences = (1 - NOISE) ** 0.5 * seen + NOISE**0.5 * unit(own[:, place])
            block = close**0.5 * self._common[place] + (1 - close) ** 0.5 * differences
            blocks.append(share**0.5 * self._sizes[first:last, place, None] * block)
        return unit(np.concatenate(blocks, axis=1))


def unit(rows: Array) -> Array:
    """Rows of unit length."""
    scaled: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def _noise(number: int) -> Array:
    return np.random.default_rng([13, number]).standard_normal((len(SHARES), LAYERS * WIDTH), np.float32)


def _hierarchy(chance: np.random.Generator, count: int) -> Array:
    """[count, 3, LATENT]: style + artist + album + track, along a few strong directions and many weak ones."""
    total = np.zeros((count, len(SHARES), LATENT), np.float32)
    for groups, weight in ((20, 1.0), (count // 40, 0.8), (count // 10, 0.6), (count, 0.6)):
        centres = chance.standard_normal((max(1, groups), len(SHARES), LATENT), np.float32)
        members = np.arange(count) if groups == count else chance.integers(len(centres), size=count)
        total += np.float32(weight) * centres[members]
    spectrum: Array = (np.arange(1, LATENT + 1) ** -0.5).astype(np.float32)
    return total * spectrum


def _rotating_views(chance: np.random.Generator) -> Array:
    """[LATENT, 25 * 1024]: what each layer makes of the latents, neighbours nearly the same."""
    anchors = chance.standard_normal((5, LATENT, WIDTH), np.float32)
    views = []
    for place in np.linspace(0, len(anchors) - 1, LAYERS):
        before = min(int(place), len(anchors) - 2)
        turn = (place - before) * np.pi / 2
        views.append(np.float32(np.cos(turn)) * anchors[before] + np.float32(np.sin(turn)) * anchors[before + 1])
    return np.concatenate(views, axis=1)
