"""Files of many hours: small on disk, gigabytes as samples."""

import struct

import numpy as np

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import encode, song, tone

_RATE = 8_000
_BLOCK = 65_535


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    minute = encode(
        tone(220, 60, _RATE),
        "libmp3lame",
        "mp3",
        rate=_RATE,
        bit_rate=8_000,
        options={"write_xing": "0", "id3v2_version": "0"},
    )
    shelf.put("three_hours.mp3", minute * 180, "three hours of mp3")
    shelf.put("two_hours_of_silence.flac", _silence(2 * 3600), "two hours of silence in 13 kB", "audio_silent")
    shelf.put("day_of_silence.flac", _silence(24 * 3600), "24 hours of silence: 2.8 GB of samples", "audio_too_long")
    book = np.tile(song(8, 16_000, 1), (12, 1))
    shelf.put("audiobook.m4b", encode(book, "aac", "ipod", rate=16_000, bit_rate=16_000), "an audiobook in AAC")
    return shelf.cases


def _silence(seconds: int) -> bytes:
    """A flac in which twelve bytes stand for eight seconds."""
    frames = seconds * _RATE // _BLOCK
    shape = _RATE << 44 | (16 - 1) << 36 | frames * _BLOCK
    about = struct.pack(">HH", _BLOCK, _BLOCK) + bytes(6) + shape.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(about).to_bytes(3, "big") + about + b"".join(map(_frame, range(frames)))


def _frame(number: int) -> bytes:
    """One block of zeros: header, number, length, one constant, each half with its checksum."""
    head = b"\xff\xf8\x74\x08" + chr(number).encode() + (_BLOCK - 1).to_bytes(2, "big")
    head += bytes([_checksum(head, 8, 0x07)])
    return head + bytes(3) + _checksum(head + bytes(3), 16, 0x8005).to_bytes(2, "big")


def _checksum(content: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in content:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value & top else 0)
        value &= (1 << width) - 1
    return value
