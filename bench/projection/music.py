"""Long vectors of real music: by a network of random weights with MERT's outline, or by a MERT checkpoint."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.audio import Ear
from bench.projection.clusters import LAYERS, WIDTH, unit
from embeddings.audio.windows import cut, cut_sliding
from embeddings.domain import Samples
from embeddings.embedders.acoustic.spectra import MEL_BANDS, SpectrumAnalyser
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.errors import TrackError
from embeddings.library.folder import FolderSource

Array = NDArray[np.float32]

RATE = 24_000
QUIETEST = 1e-3
"""Peak that every second of a piece has to reach; silence is no music."""


class Music:
    """Vectors of the pieces of a library's tracks."""

    def __init__(self, name: str, rows: Array) -> None:
        self.name, self.count, self._rows = name, len(rows), rows

    @classmethod
    def heard(cls, name: str, library: Path, seconds: float, hear: Callable[[Samples], Array]) -> Self:
        """Hear all pieces; takes minutes."""
        return cls(name, np.stack([hear(piece) for piece in pieces(library, round(seconds * RATE))]))

    def centred(self) -> "Music":
        """The same without their common direction."""
        return Music(f"{self.name}, centred", unit(self._rows - self._rows.mean(axis=0)))

    def rows(self, first: int, last: int) -> Array:
        """[last - first, length] of unit length."""
        return self._rows[first:last]


def pieces(library: Path, size: int) -> Iterator[Samples]:
    """Consecutive pieces of `size` samples of every file that can be decoded; a shorter rest is left out."""
    with Ear() as ear:
        for track in FolderSource(library).listings({})[0].tracks:
            try:
                samples = ear.hear(library / track.path, RATE)
            except TrackError:
                continue
            for at in range(0, len(samples) - size + 1, size):
                seconds = samples[at : at + size].reshape(-1, RATE)
                if np.abs(seconds).max(axis=1).min() > QUIETEST:
                    yield samples[at : at + size]


class RandomNet:
    """25 states of 1024 per fifth of a second, each the one before and something added.

    Its weights say nothing. How the pieces of a track, an album and a game lie to each other does
    not come from them.
    """

    patch = 8
    """Mel frames."""

    def __init__(self) -> None:
        chance = np.random.default_rng(17)
        self._spectra = SpectrumAnalyser()
        size = self.patch * MEL_BANDS
        self._first = chance.standard_normal((size, WIDTH), np.float32) / np.float32(size**0.5)
        self._others = [
            chance.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(WIDTH**0.5) for _ in range(LAYERS - 1)
        ]

    def __call__(self, piece: Samples) -> Array:
        """[76,800]: the states' time means over windows of 5 s every 2.5 s, enriched."""
        windows = cut([piece], rate=RATE, window_seconds=5.0, hop_seconds=2.5)
        return enriched(np.stack([self._states(window.samples).mean(axis=0) for window in windows], axis=1))

    def _states(self, samples: Samples) -> Array:
        mel = self._spectra.analyse(samples / np.sqrt(np.mean(np.square(samples)))).mel
        patches = mel[: len(mel) // self.patch * self.patch].reshape(-1, self.patch * MEL_BANDS)
        states = [_standardised(patches) @ self._first]
        for weights in self._others:
            states.append(states[-1] + np.maximum(_standardised(states[-1]) @ weights, 0))
        return np.concatenate(states, axis=1)


class Mert:
    """The product's own model with somebody's checkpoint, up to where it projects."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        # torch, for this alone.
        from embeddings.embedders.mert import MertEmbedder  # noqa: PLC0415

        there = Checkpoint(folders={"": checkpoint}, digest="")
        self._embedder = MertEmbedder(Runtime(device=device, checkpoint=there))

    def __call__(self, piece: Samples) -> Array:
        """[76,800] of the published model; the windows are the product's."""
        windows = list(cut_sliding([piece], self._embedder.spec))
        features: list[Any] = [feature for window in windows for feature in self._embedder.embed_windows([window])]
        return enriched(np.stack([feature.cpu().numpy() for feature in features], axis=1))


def enriched(states: Array) -> Array:
    """[D, T] as [3D] of unit length: mean, interquartile range, mean change."""
    low, high = np.quantile(states, (0.25, 0.75), axis=1)
    change = (states[:, -1] - states[:, 0]) / max(1, states.shape[1] - 1)
    whole = np.concatenate([states.mean(axis=1), (high - low) / 1.3489795003921634, change])
    return unit(whole.astype(np.float32))


def _standardised(rows: Array) -> Array:
    centred = rows - rows.mean(axis=1, keepdims=True)
    scaled: Array = centred / (centred.std(axis=1, keepdims=True) + np.float32(1e-5))
    return scaled
