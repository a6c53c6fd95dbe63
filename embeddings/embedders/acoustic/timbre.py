"""What the sound is made of: cepstra, their movement, band quantiles and how bands move together."""

import numpy as np

from embeddings.embedders.acoustic.spectra import MEL_BANDS, Array, Spectra

CEPSTRA = 24
GROUPS = 16
DELTA_FRAMES = 4
"""100 ms: long against a frame's jitter, short against a note."""


class TimbreReader:
    """Turns the audible frames of one window into timbre features."""

    def __init__(self) -> None:
        band = np.arange(MEL_BANDS)[:, None] + 0.5
        order = np.arange(1, CEPSTRA + 1)
        self._dct = (np.cos(np.pi / MEL_BANDS * band * order) * np.sqrt(2 / MEL_BANDS)).astype(np.float32)
        self._pairs = np.triu_indices(GROUPS, 1)

    def read(self, spectra: Spectra) -> dict[str, Array]:
        """Named feature blocks; order 0 of the cepstrum (loudness) is left to `dynamics`."""
        mel = spectra.mel[spectra.audible]
        cepstra = mel @ self._dct
        steps = cepstra[DELTA_FRAMES:] - cepstra[:-DELTA_FRAMES] if len(cepstra) > DELTA_FRAMES else cepstra[:1] * 0
        peaks = spectra.peakiness[spectra.audible]
        return {
            "cepstra_mean": cepstra.mean(axis=0),
            "cepstra_spread": cepstra.std(axis=0),
            "cepstra_motion": steps.std(axis=0),
            "quantiles": self._quantiles(band_groups(mel)),
            "co_motion": self._correlations(band_groups(mel)),
            "peakiness_mean": peaks.mean(axis=0),
            "peakiness_spread": peaks.std(axis=0),
        }

    def _quantiles(self, groups: Array) -> Array:
        """Distances of the 10 % and 90 % levels from the median: what mean and spread cannot say."""
        ranked = np.sort(groups, axis=0)
        low, middle, high = (ranked[int(share * (len(ranked) - 1))] for share in (0.1, 0.5, 0.9))
        return np.concatenate([high - middle, middle - low])

    def _correlations(self, groups: Array) -> Array:
        centred = groups - groups.mean(axis=0)
        covariance = centred.T @ centred / len(centred)
        spread = np.sqrt(np.diag(covariance)) + np.float32(0.05)
        correlation: Array = (covariance / np.outer(spread, spread))[self._pairs]
        return correlation


def band_groups(mel: Array) -> Array:
    """[frames, MEL_BANDS] -> [frames, GROUPS] means of neighbouring bands."""
    grouped: Array = mel.reshape(len(mel), GROUPS, -1).mean(axis=2)
    return grouped
