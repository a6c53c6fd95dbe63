"""Headers that claim what cannot be."""

import struct

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import RATE, song_m4a, song_wav


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    _lengths(shelf)
    _shapes(shelf)
    content = bytearray(song_m4a(index_first=True))
    at = content.find(b"stsz") + 12
    content[at : at + 4] = struct.pack(">I", 0x7FFFFFFF)
    shelf.put("absurd_sample_count.m4a", bytes(content), "an index that claims 2^31 samples", "audio_unreadable")
    return shelf.cases


def _lengths(shelf: Shelf) -> None:
    at = song_wav().find(b"data") + 4
    shelf.put("length_ffffffff.wav", _with(at, b"\xff" * 4), "a length of 0xFFFFFFFF (written to a pipe)")
    shelf.put("length_0.wav", _with(at, bytes(4)), "a length of 0 before eight seconds of sound")
    shelf.put("length_too_long.wav", _with(at, struct.pack("<I", 1 << 30)), "a length of 1 GiB")
    shelf.put("length_too_short.wav", _with(at, struct.pack("<I", RATE * 8)), "a length of two of its eight seconds")


def _shapes(shelf: Shelf) -> None:
    for name, at, value, what in (
        ("rate_0.wav", 24, bytes(4), "a sample rate of 0"),
        ("rate_1.wav", 24, struct.pack("<I", 1), "a sample rate of 1: four days of sound"),
        ("rate_4g.wav", 24, b"\xff\xff\xff\xff", "a sample rate of 4 GHz"),
        ("channels_0.wav", 22, bytes(2), "no channels"),
        ("channels_65535.wav", 22, b"\xff\xff", "65,535 channels"),
    ):
        shelf.put(name, _with(at, value), what, "audio_unreadable")


def _with(at: int, value: bytes) -> bytes:
    content = bytearray(song_wav())
    content[at : at + len(value)] = value
    return bytes(content)
