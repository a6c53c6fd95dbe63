"""One window of audio in, one row of raw features out."""

import numpy as np

from embeddings.domain import Samples
from embeddings.embedders.acoustic.harmony import HarmonyReader
from embeddings.embedders.acoustic.rhythm import RhythmReader
from embeddings.embedders.acoustic.spectra import Array, Spectra, SpectrumAnalyser
from embeddings.embedders.acoustic.timbre import TimbreReader

SILENCE = 1e-7
"""Loudness (RMS) under which a window is nothing but rounding noise."""


class WindowReader:
    """Reads windows one by one; a row depends on its window and on nothing else."""

    def __init__(self) -> None:
        self._spectra = SpectrumAnalyser()
        self._timbre = TimbreReader()
        self._rhythm = RhythmReader()
        self._harmony = HarmonyReader()

    def blocks(self, window: Samples) -> dict[str, Array]:
        """Named feature blocks in their fixed order; the first two are the window's weight and level.

        `frames` counts the audible frames (0 for silence) and `level` is their loudness in bel.
        All other blocks are the same however loud the window is.
        """
        samples = np.nan_to_num(np.asarray(window, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
        samples = samples * np.float32(1 / loudness) if loudness > SILENCE else samples * np.float32(0)
        spectra = self._spectra.analyse(samples)
        if not spectra.audible.any():
            spectra.audible[:] = True
            loudness = 0.0
        silent = loudness <= SILENCE
        level = 2 * np.log10(max(loudness, SILENCE)) + float(spectra.loudness[spectra.audible].mean())
        return {
            "frames": np.array([0.0 if silent else spectra.audible.sum()], np.float32),
            "level": np.array([level], np.float32),
            **self._timbre.read(spectra),
            **self._rhythm.read(spectra),
            **self._harmony.read(samples),
            "dynamics": dynamics(spectra),
        }

    def read(self, window: Samples) -> Array:
        """The blocks as one row."""
        return np.concatenate(list(self.blocks(window).values())).astype(np.float32)


def dynamics(spectra: Spectra) -> Array:
    """Spread of the loudness and the distances between its quantiles, in bel."""
    ranked = np.sort(spectra.loudness[spectra.audible])
    low, middle, high = (ranked[int(share * (len(ranked) - 1))] for share in (0.1, 0.5, 0.95))
    return np.array([ranked.std(), high - middle, middle - low], np.float32)
