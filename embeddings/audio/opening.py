"""Opens regular files only, and says by their first bytes what they claim to be."""

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from embeddings.audio.locate import refusal
from embeddings.errors import AudioEmpty, NotAudio, TrackError

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (8, b"WAVE", "WAV"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (4, b"ftyp", "MP4"),
    (0, b"ID3", "MP3"),
    (0, bytes.fromhex("3026b2758e66cf11"), "WMA"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"DSD ", "DSF"),
    (0, b"FRM8", "DSDIFF"),
    (0, b"caff", "CAF"),
    (0, b"TTA1", "True Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"tBaK", "TAK"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OGG_PAGE = 65_307
_STREAMED_WAV = 0x7FFFFF00
_DISK_ERRORS = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ETIMEDOUT, errno.EHOSTDOWN})


@contextmanager
def opened(path: str | bytes) -> Iterator[int]:
    """A descriptor of a regular, non-empty file; anything else is refused before it is opened.

    Raises:
        NotAudio: a folder, pipe, socket or device.
        AudioEmpty: no bytes.
        TrackError: what `refusal` makes of the system's error.

    """
    try:
        _require_regular(os.stat(path))  # noqa: PTH116 - bytes
        # Should a pipe have taken its place since, O_NONBLOCK keeps open() from waiting for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(error) from error
    try:
        status = os.fstat(descriptor)
        _require_regular(status)
        if status.st_size == 0:
            raise AudioEmpty("The file is empty: 0 bytes.")
        yield descriptor
    finally:
        os.close(descriptor)


def claimed_format(descriptor: int) -> str | None:
    """The audio format whose signature the file begins with, None for none that we know."""
    head = os.pread(descriptor, 16, 0)
    return next((name for offset, magic, name in _MAGIC if head.startswith(magic, offset)), None)


def mp3_seconds(descriptor: int, rate: int) -> float | None:
    """The length that an mp3's Xing or Info header claims; every other length of an mp3 is a guess."""
    start = os.pread(descriptor, 10, 0)
    skip = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=False))
    head = os.pread(descriptor, 4096, skip if start.startswith(b"ID3") else 0)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 12 or not rate:
        return None
    flags, frames = struct.unpack_from(">II", head, at + 4)
    return frames * (1152 if rate >= 32_000 else 576) / rate if flags & 1 else None


def is_cut_off(descriptor: int) -> bool:
    """Whether a wav is shorter than it says, or an ogg does not end with the page that ends it."""
    kind, size = claimed_format(descriptor), os.fstat(descriptor).st_size
    if kind == "WAV":
        claimed = int.from_bytes(os.pread(descriptor, 4, 4), "little") + 8
        # Whoever writes to a pipe cannot know the length and claims the largest one.
        return size + 1 < claimed < _STREAMED_WAV
    if kind == "Ogg":
        end = os.pread(descriptor, _OGG_PAGE, max(0, size - _OGG_PAGE))
        at = end.rfind(b"OggS")
        return at < 0 or len(end) < at + 6 or not end[at + 5] & 4
    return False


def disk_failure(error: OSError) -> TrackError | None:
    """The refusal, where the error is the disk's and not the content's."""
    return refusal(error) if error.errno in _DISK_ERRORS else None


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        name = next((name for test, name in _KINDS if test(status.st_mode)), "something else")
        raise NotAudio(f"This is {name}, not a file.")
