"""Gathers decoded frames, a few hundredths of a second each, into chunks worth computing on."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from av import AudioResampler
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from embeddings.audio.source import Chunk, chunk_frames

# PyAV 18.1 reads past the end of its planes when a planar frame has eight channels or more.
_MOST_PLANES = 7


class Packer(Protocol):
    """Frames in, chunks out, as long as the frames are of one kind."""

    def fits(self, frame: AudioFrame) -> bool:
        """Whether the frame is of the same kind as the first."""
        ...

    def add(self, frame: AudioFrame) -> Iterator[Chunk]:
        """Take a frame, give the chunks that are full."""
        ...

    def rest(self) -> Iterator[Chunk]:
        """What is left at the end."""
        ...


def new_packer(frame: AudioFrame) -> Packer:
    """A packer for frames like this one."""
    if frame.format.name == "fltp" and frame.layout.nb_channels <= _MOST_PLANES:
        return _PlanarPacker(frame)
    return _ConvertingPacker(frame)


class _Kind:
    """What has to stay the same from frame to frame."""

    def __init__(self, frame: AudioFrame) -> None:
        self._kind = _kind(frame)
        self.rate = frame.sample_rate
        self.channels = frame.layout.nb_channels
        self.positions = tuple(channel.name for channel in frame.layout.channels)
        self.size = chunk_frames(self.channels)

    def fits(self, frame: AudioFrame) -> bool:
        return _kind(frame) == self._kind

    def chunk(self, samples: NDArray[np.float32]) -> Chunk:
        return Chunk(samples=samples, rate=self.rate, positions=self.positions)


class _PlanarPacker(_Kind):
    """Planes of float32, as most lossy codecs give them: copied once and joined."""

    def __init__(self, frame: AudioFrame) -> None:
        super().__init__(frame)
        self._parts: list[NDArray[np.float32]] = []
        self._count = 0

    def add(self, frame: AudioFrame) -> Iterator[Chunk]:
        self._parts.append(frame.to_ndarray().astype(np.float32, copy=False))
        self._count += frame.samples
        if self._count >= self.size:
            yield from self.rest()

    def rest(self) -> Iterator[Chunk]:
        if self._parts:
            yield self.chunk(np.concatenate(self._parts, axis=1))
            self._parts, self._count = [], 0


class _ConvertingPacker(_Kind):
    """Anything else: FFmpeg converts to packed float32 and gathers in one step."""

    def __init__(self, frame: AudioFrame) -> None:
        super().__init__(frame)
        self._convert = AudioResampler(format="flt", frame_size=self.size)

    def add(self, frame: AudioFrame) -> Iterator[Chunk]:
        return map(self._unpack, self._convert.resample(frame))

    def rest(self) -> Iterator[Chunk]:
        return map(self._unpack, self._convert.resample(None))

    def _unpack(self, frame: AudioFrame) -> Chunk:
        return self.chunk(frame.to_ndarray().astype(np.float32, copy=False).reshape(-1, self.channels).T)


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate
