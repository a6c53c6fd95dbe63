"""Makes any number of channels one or two, without losing a recording whose channels cancel each other."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.source import Chunk
from embeddings.domain import Samples

_DECIDE_SECONDS = 3.0
_AUDIBLE = 1e-7
"""Mean square, -70 dBFS."""

_CANCELLED = 0.02
"""A mean of two channels 20 dB weaker than the louder one has lost the music; of more channels, less is enough."""

_SIDE = 0.5**0.5


class Mixer:
    """Chunks in, [n] or [n, 2] samples out, at the chunks' own rate."""

    def __init__(self, channels: Literal[1, 2]) -> None:
        self._channels = channels
        self._pick: int | None = None
        self._decided = channels == 2
        self._held: list[Chunk] = []
        self.notes: list[str] = []

    def add(self, chunk: Chunk) -> Iterator[tuple[Samples, int]]:
        """Mix a chunk; the first audible ones are held back until it is clear how."""
        if self._decided or len(chunk.samples) == 1:
            yield self._mix(chunk), chunk.rate
            return
        if self._held or chunk.samples.var(axis=1).max() > _AUDIBLE:
            self._held.append(chunk)
            if sum(held.samples.shape[1] / held.rate for held in self._held) >= _DECIDE_SECONDS:
                yield from self.rest()
        else:
            yield self._mix(chunk), chunk.rate

    def rest(self) -> Iterator[tuple[Samples, int]]:
        """Decide with what is there, and give what was held back."""
        if self._held:
            self._decide()
        for chunk in self._held:
            yield self._mix(chunk), chunk.rate
        self._held = []

    def _decide(self) -> None:
        """Whether the mean of the channels is the music, or one channel has to stand for it."""
        first = self._held[0]
        alike = [chunk.samples for chunk in self._held if len(chunk.samples) == len(first.samples)]
        singles = sum(samples.var(axis=1) * samples.shape[1] for samples in alike)
        mean = sum(samples.mean(axis=0).var() * samples.shape[1] for samples in alike)
        if mean < _CANCELLED / len(first.samples) * np.max(singles):
            self._pick = int(np.argmax(singles))
            self.notes.append("The channels cancel each other; one of them was used.")
        self._decided = True

    def _mix(self, chunk: Chunk) -> Samples:
        planes = chunk.samples
        if self._channels == 2:
            return _stereo(planes, chunk.positions)
        if self._pick is not None and self._pick < len(planes):
            picked: Samples = planes[self._pick]
            return picked
        if len(planes) == 1:
            only: Samples = planes[0]
            return only
        # Not FFmpeg's downmix, which is 3 dB louder and more. A sum of rows is faster than a mean of columns.
        mixed: Samples = planes[0] + planes[1]
        for plane in planes[2:]:
            mixed += plane
        mixed *= np.float32(1 / len(planes))
        return mixed


def _stereo(planes: NDArray[np.float32], positions: tuple[str, ...]) -> Samples:
    out = np.empty((planes.shape[1], 2), np.float32)
    if len(planes) <= 2:
        out[:, 0], out[:, 1] = planes[0], planes[-1]
    else:
        np.matmul(planes.T, _weights(len(planes), positions), out=out)
    return out


def _weights(channels: int, positions: tuple[str, ...]) -> NDArray[np.float32]:
    """[channels, 2]: fronts full, surrounds of their side and centres 3 dB down, no LFE; each side sums to 1."""
    weights = np.zeros((channels, 2), np.float32)
    for channel in range(channels):
        name = positions[channel] if channel < len(positions) else "NONE"
        if name == "NONE":
            weights[channel, channel % 2] = 1.0
        elif "LFE" not in name:
            gain = 1.0 if name in ("FL", "FR") else _SIDE
            sides = (0,) if "L" in name else (1,) if "R" in name else (0, 1)
            weights[channel, list(sides)] = gain
    weights /= np.maximum(weights.sum(axis=0), np.float32(_SIDE))
    return weights
