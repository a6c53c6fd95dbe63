"""Samples of the protocol's pieces: every system hears what the project's own decoder delivers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from bench.evaluation.protocol import EXCERPT_SECONDS, Piece, excerpt_starts
from embeddings.audio.decoders import Decoder
from embeddings.domain import Samples


class Ear:
    """One decoding child; use as a context manager."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_seconds=3600.0, stall_seconds=120.0, memory_mb=2048)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    def hear(self, path: Path, rate: int) -> Samples:
        """[n] mono float32 of a whole file.

        Raises:
            TrackError: it cannot be decoded.

        """
        path = path.resolve()
        with self._decoder.decode(str(path.parent), path.name, rate=rate, channels=1) as decoding:
            return np.concatenate(list(decoding))


def excerpt(samples: Samples, piece: Piece, rate: int) -> Samples:
    """The piece's own stretch of its file's samples."""
    if piece.kind not in ("A", "B"):
        return samples
    return _stretch(samples, piece.start, rate)


def two_stretches(samples: Samples, rate: int) -> Samples:
    """What a system without windows of its own hears of a whole file: 30 s at 6 % and at 94 %."""
    starts = excerpt_starts(len(samples) / rate)
    return samples if starts is None else np.concatenate([_stretch(samples, start, rate) for start in starts])


def by_file(pieces: Sequence[Piece]) -> dict[Path, list[Piece]]:
    """Pieces grouped by the file they are cut from, so that each file is decoded once."""
    files: dict[Path, list[Piece]] = {}
    for piece in pieces:
        files.setdefault(Path(piece.path), []).append(piece)
    return files


def _stretch(samples: Samples, start: float, rate: int) -> Samples:
    first = round(start * rate)
    return samples[first : first + round(EXCERPT_SECONDS * rate)]
