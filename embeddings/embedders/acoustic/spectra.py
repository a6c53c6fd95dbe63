"""Short-time spectra of one window: mel bands, band peakiness and loudness at 40 frames per second."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import Samples

Array = NDArray[np.float32]

SAMPLE_RATE = 24_000
FRAME = 2048
HOP = 600
FRAMES_PER_SECOND = SAMPLE_RATE / HOP
MEL_BANDS = 64
PEAK_BANDS = 12
LOWEST_HZ, HIGHEST_HZ = 40.0, 9500.0
FLOOR = 1e-5
"""Power under which nothing is told apart; 1 is white noise as loud as the window. Codecs leave holes there."""
AUDIBLE = 1e-5
"""A frame this far under the window's mean energy (-50 dB) is a pause and takes no part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """The frames of one window; the window was scaled to unit loudness first."""

    mel: Array
    """[frames, MEL_BANDS] log10 power (bel)."""
    peakiness: Array
    """[frames, PEAK_BANDS] log mean over mean log power: 0 for noise, large for clear tones."""
    loudness: Array
    """[frames] log10 energy (bel) relative to the window."""
    audible: NDArray[np.bool_]
    """[frames] which frames are no pause; at least one unless the window is silent."""


def hann(n: int) -> Array:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


def power_frames(samples: Samples, *, frame: int, hop: int, window: Array) -> Array:
    """Power spectra [frames, frame // 2 + 1]; white noise of unit variance gives 1 everywhere."""
    if len(samples) < frame:
        samples = np.pad(samples, (0, frame - len(samples)))
    cut = np.lib.stride_tricks.sliding_window_view(samples, frame)[::hop]
    spectrum = np.fft.rfft(cut * window)
    power: Array = np.square(spectrum.real) + np.square(spectrum.imag)
    power *= np.float32(1 / np.square(window).sum())
    return power


class SpectrumAnalyser:
    """Holds the filter banks; reads one window at a time, so no window can colour another."""

    def __init__(self) -> None:
        self._window = hann(FRAME)
        self._mel = mel_bank()
        self._bands = octave_bank()

    def analyse(self, samples: Samples) -> Spectra:
        """Analyse [n] samples of unit loudness; anything finite is accepted, also nothing at all."""
        power = power_frames(samples, frame=FRAME, hop=HOP, window=self._window)
        energy = power.mean(axis=1)
        mean_energy = float(energy.mean())
        log_power = np.log10(power + np.float32(FLOOR))
        return Spectra(
            mel=np.log10(power @ self._mel + np.float32(FLOOR)),
            peakiness=np.log10(power @ self._bands + np.float32(FLOOR)) - log_power @ self._bands,
            loudness=np.log10(energy + np.float32(FLOOR)),
            audible=energy > max(mean_energy, 1e-9) * AUDIBLE,
        )


def mel_bank() -> Array:
    """Triangles of equal width in mel, each summing to one: [bins, MEL_BANDS]."""
    hz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)[:, None]
    lowest, highest = (2595 * math.log10(1 + limit / 700) for limit in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(lowest, highest, MEL_BANDS + 2) / 2595) - 1)
    rising = (hz - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz) / np.diff(edges)[1:]
    return _unit_columns(np.maximum(0, np.minimum(rising, falling)))


def octave_bank() -> Array:
    """Rectangles of equal width in octaves, each summing to one: [bins, PEAK_BANDS]."""
    hz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)[:, None]
    edges = np.geomspace(80.0, HIGHEST_HZ, PEAK_BANDS + 1)
    return _unit_columns(((hz >= edges[:-1]) & (hz < edges[1:])).astype(float))


def _unit_columns(bank: NDArray[np.float64]) -> Array:
    scaled: Array = (bank / bank.sum(axis=0)).astype(np.float32)
    return scaled
