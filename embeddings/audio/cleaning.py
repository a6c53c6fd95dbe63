"""Makes every sample finite and of a sane size, and says where it had to."""

import numpy as np
from numpy.typing import NDArray

_HUGE_POWER = 16.0
"""Mean square; 12 dB over full scale. Float files a little over it are left as they are."""

_NOTHING_POWER = 1e-24
"""Mean square; -240 dBFS. Below are denormal numbers, which are slow to compute with and inaudible."""


class Cleaner:
    """Cleans chunk after chunk of one file; a file's gain, once found, stays."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._gain = 1.0

    def clean(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same samples, [channels, n], or corrected ones; costs one pass where nothing is wrong."""
        flat = samples.ravel(order="K")
        with np.errstate(over="ignore", invalid="ignore"):
            power = float(flat @ flat) / max(1, flat.size)
        if self._gain != 1.0 or not power <= _HUGE_POWER:
            return self._correct(samples)
        if power < _NOTHING_POWER:
            return np.zeros_like(samples)
        return samples

    def _correct(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        finite = np.isfinite(samples)
        if not finite.all():
            self._note("Samples that are not numbers were replaced by silence.")
            samples = np.where(finite, samples, np.float32(0))
        sizes = np.abs(samples)
        peak = float(sizes.max(initial=0.0))
        if self._gain == 1.0 and peak > _HUGE_POWER:
            self._note("Samples are far beyond full scale; they were scaled down or clipped.")
            # A few wild samples are glitches to clip; where the middle one is wild, all of them are music.
            self._gain = 1 / peak if float(np.median(sizes)) > _HUGE_POWER**0.5 else 1.0
        return np.clip(samples * np.float32(self._gain), -1, 1) if peak > 1 or self._gain != 1.0 else samples

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)
