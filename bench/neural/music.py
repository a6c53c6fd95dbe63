"""Tracks of one exact length, joined from real music, so that every model has the same windows of every track."""

import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile

from bench.library.debian import LibraryUnavailable
from embeddings.audio.decoders import Decoder
from embeddings.domain import Samples, TrackRef
from embeddings.errors import TrackError
from embeddings.library.folder import FolderSource

RATE = 44_100
MOST_FILES = 8
"""More tracks than this are the same files again; nothing on the way remembers them."""


def open_decoder() -> Decoder:
    """Start a decoding child with the bounds that a worker has."""
    return Decoder(max_seconds=6 * 3600, stall_seconds=60, memory_mb=1024)


def write_tracks(library: Path, folder: Path, *, seconds: float, count: int) -> list[TrackRef]:
    """Write FLAC files, stereo at 44.1 kHz.

    Args:
        library: any folder of music; what is shorter than needed is heard again.
        folder: where to.
        seconds: length of each.
        count: how many tracks.

    Raises:
        LibraryUnavailable: the folder holds no stereo music.

    """
    files = min(count, MOST_FILES)
    with closing(_endless(library)) as blocks:
        for number in range(files):
            soundfile.write(folder / f"{number}.flac", _next(blocks, round(seconds * RATE)), RATE)
    return [
        TrackRef(
            id=str(number),
            root=str(folder),
            path=f"{number % files}.flac",
            name=f"Track {number}",
            library_id=1,
            artist_key="",
            album_key="",
            signature="",
        )
        for number in range(count)
    ]


def _next(blocks: Iterator[Samples], length: int) -> Samples:
    taken: list[Samples] = []
    while sum(map(len, taken)) < length:
        taken.append(next(blocks))
    return np.concatenate(taken)[:length]


def _endless(library: Path) -> Generator[Samples, None, None]:
    """Blocks in which left and right differ: of equal channels, Music2Latent computes one."""
    (listing,) = FolderSource(library).listings({})
    with open_decoder() as decoder:
        heard = True
        while heard:
            heard = False
            for track in listing.tracks:
                try:
                    with decoder.decode(listing.library.root, track.path, rate=RATE, channels=2) as decoding:
                        for block in decoding:
                            if not np.array_equal(block[:, 0], block[:, 1]):
                                heard = True
                                yield block
                except TrackError as error:
                    print(f"left out: {track.path}: {error}", file=sys.stderr)
    raise LibraryUnavailable(f"{library} holds no stereo music")
