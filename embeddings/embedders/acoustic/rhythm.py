"""How the sound moves: modulation of each band, and how onsets repeat."""

import numpy as np

from embeddings.embedders.acoustic.spectra import FRAMES_PER_SECOND, Array, Spectra
from embeddings.embedders.acoustic.timbre import GROUPS, band_groups

MODULATION_BANDS = 12
TRANSFORM = 1024
"""Frames, zero-padded: twice a window of ten seconds, so that autocorrelation does not wrap around."""
LAGS = 40


class RhythmReader:
    """Turns the frames of one window into rhythm features, in any phase of the beat."""

    def __init__(self) -> None:
        hz = np.fft.rfftfreq(TRANSFORM, 1 / FRAMES_PER_SECOND)[:, None]
        edges = np.geomspace(0.25, 16.0, MODULATION_BANDS + 1)
        self._modulation = ((hz >= edges[:-1]) & (hz < edges[1:])).astype(np.float32)
        self._modulation /= self._modulation.sum(axis=0)
        self._lags = lag_bank()

    def read(self, spectra: Spectra) -> dict[str, Array]:
        """Named feature blocks; pauses are set to the mean so that they do not beat."""
        groups = band_groups(spectra.mel)
        groups = (groups - groups[spectra.audible].mean(axis=0)) * spectra.audible[:, None]
        rises = np.maximum(0, np.diff(groups, axis=0, prepend=groups[:1]))
        bands = [rises[:, cut].mean(axis=1) for cut in (slice(0, 4), slice(4, 10), slice(10, GROUPS))]
        onsets = np.stack([*bands, rises.mean(axis=1)], axis=1)
        return {
            "modulation": self._modulations(groups, int(spectra.audible.sum())),
            "pulse": self._pulses(onsets[:, [0, 2, 3]]),
            "onsets": np.concatenate([onsets.mean(axis=0), onsets.std(axis=0)]),
        }

    def _modulations(self, groups: Array, frames: int) -> Array:
        """Log modulation power: how strongly each group of bands fluctuates at each speed."""
        spectrum = np.fft.rfft(groups, TRANSFORM, axis=0)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)) / max(frames, 1)
        found: Array = np.log10(power.T @ self._modulation + np.float32(1e-3)).ravel()
        return found

    def _pulses(self, onsets: Array) -> Array:
        """Autocorrelation of onset strength between 0.15 and 2.5 seconds, per onset curve."""
        centred = onsets - onsets.mean(axis=0)
        spectrum = np.fft.rfft(centred, TRANSFORM, axis=0)
        repeats = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), TRANSFORM, axis=0)
        repeats = repeats[: len(self._lags)].astype(np.float32)
        found: Array = ((repeats / (repeats[0] + np.float32(1e-4))).T @ self._lags).ravel()
        return found


def lag_bank() -> Array:
    """Triangles over log lag: [lags in frames, LAGS], each summing to one."""
    lags = np.arange(int(2.8 * FRAMES_PER_SECOND))[:, None]
    edges = np.geomspace(0.14, 2.6, LAGS + 2) * FRAMES_PER_SECOND
    width = np.maximum(1.0, np.diff(edges))
    bank = np.maximum(0, np.minimum(1 + (lags - edges[1:-1]) / width[:-1], 1 + (edges[1:-1] - lags) / width[1:]))
    scaled: Array = (bank / bank.sum(axis=0)).astype(np.float32)
    return scaled
