"""Which notes sound: a semitone spectrum, its pitch classes, and what stays of them under transposition."""

import numpy as np

from embeddings.domain import Samples
from embeddings.embedders.acoustic.spectra import SAMPLE_RATE, Array, hann, power_frames

FRAME = 8192
HOP = 4800
"""Five frames per second: notes change slower than timbre, and low notes need the long frame."""
LOWEST_NOTE, NOTES = 40, 60
"""MIDI 40 (82 Hz) up to 99 (2.5 kHz)."""
WHITENING = 9
"""Semitones to either side whose mean is taken away: what is left is the notes, not the timbre."""


class HarmonyReader:
    """Turns one window into harmony features; holds the note filters."""

    def __init__(self) -> None:
        self._window = hann(FRAME)
        self._notes, self._bins = note_bank()
        self._smooth = whitening_matrix()
        self._fold = np.eye(12, dtype=np.float32)[(LOWEST_NOTE + np.arange(NOTES)) % 12]

    def read(self, samples: Samples) -> dict[str, Array]:
        """Named feature blocks of [n] samples of unit loudness."""
        power = power_frames(samples, frame=FRAME, hop=HOP, window=self._window)[:, self._bins]
        notes = np.log10(power @ self._notes + np.float32(1e-4))
        notes = np.maximum(0, notes - notes @ self._smooth)
        chroma = _unit(notes @ self._fold)
        mean = _unit(chroma.mean(axis=0, keepdims=True))[0]
        return {
            "notes": notes.mean(axis=0),
            "chroma": mean,
            "chroma_spread": chroma.std(axis=0),
            "bass": _unit((notes[:, :20] @ self._fold[:20]).mean(axis=0, keepdims=True))[0],
            "chroma_shape": np.abs(np.fft.rfft(mean))[1:].astype(np.float32),
            "intervals": intervals(chroma),
            "changes": changes(chroma),
        }


def intervals(chroma: Array) -> Array:
    """How often each interval, 1 to 6 semitones, sounds together: the same in every key."""
    return np.array([(chroma * np.roll(chroma, step, axis=1)).sum(axis=1).mean() for step in range(1, 7)], np.float32)


def changes(chroma: Array) -> Array:
    """How far the chord moves within 0.2, 0.4, 0.8, 1.6 and 3.2 seconds."""
    found = [1 - (chroma[lag:] * chroma[:-lag]).sum(axis=1) for lag in (1, 2, 4, 8, 16)]
    return np.array([step.mean() if len(step) else 0.0 for step in found], np.float32)


def note_bank() -> tuple[Array, slice]:
    """Gaussian filters on the semitones [bins, NOTES], and the bins they reach."""
    hz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    bins = slice(int(np.searchsorted(hz, 75.0)), int(np.searchsorted(hz, 2700.0)))
    pitch = 69 + 12 * np.log2(hz[bins] / 440.0)
    bank = np.exp(-0.5 * ((pitch[:, None] - LOWEST_NOTE - np.arange(NOTES)) / 0.35) ** 2)
    return (bank / bank.sum(axis=0)).astype(np.float32), bins


def whitening_matrix() -> Array:
    """Mean over the neighbouring semitones, [NOTES, NOTES]."""
    distance = np.abs(np.arange(NOTES)[:, None] - np.arange(NOTES))
    near = (distance <= WHITENING).astype(np.float32)
    mean: Array = near / near.sum(axis=0)
    return mean


def _unit(rows: Array) -> Array:
    unit: Array = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + np.float32(1e-3))
    return unit
