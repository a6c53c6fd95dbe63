"""What every reader of files gives: large chunks of samples, and what it noticed on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK_FRAMES = 1 << 16
"""Samples per channel gathered before anything is computed: small steps cost more than they compute."""

CHUNK_SAMPLES = 1 << 18
"""Samples of all channels together, so that hundreds of channels stay small too."""

RATES = range(1_000, 3_100_000)
"""Hz that exist, DSD included; a header that says otherwise is damaged."""

MAX_CHANNELS = 64


def chunk_frames(channels: int) -> int:
    """How many samples per channel to gather."""
    return max(1, min(CHUNK_FRAMES, CHUNK_SAMPLES // channels))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """[channels, n] float32 as decoded, at the file's own rate."""

    samples: NDArray[np.float32]
    rate: int
    positions: tuple[str, ...]
    """FFmpeg's name of each channel's place: FL, FR, FC, LFE, BL...; empty where unknown."""


class Source(Protocol):
    """An open file."""

    codec: str
    rate: int
    channels: int
    claimed_seconds: float | None
    bad_packets: int
    notes: list[str]
    """Sentences about what was odd, filled while reading."""

    def chunks(self) -> Iterator[Chunk]:
        """All sound, in order.

        Raises:
            TrackError: nothing of it can be decoded, or its disk fails.

        """
        ...

    def close(self) -> None:
        """Free what it holds; the descriptor stays open."""
        ...
