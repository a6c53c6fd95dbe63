"""Pages of an Ogg file, to write one that is legal and that FFmpeg refuses."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; `lacing` are the lengths of its segments."""

    flags: int
    position: int
    serial: int
    number: int
    lacing: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        """As it stands in the file, with its checksum."""
        head = struct.pack("<4sBBqII", b"OggS", 0, self.flags, self.position, self.serial, self.number)
        tail = bytes([len(self.lacing)]) + self.lacing + self.body
        return head + struct.pack("<I", _checksum(head + bytes(4) + tail)) + tail


def pages(content: bytes) -> Iterator[Page]:
    """The pages of a file."""
    at = 0
    while at < len(content):
        _, _, flags, position, serial, number, _, count = struct.unpack_from("<4sBBqIIIB", content, at)
        lacing = content[at + 27 : at + 27 + count]
        start = at + 27 + count
        at = start + sum(lacing)
        yield Page(flags=flags, position=position, serial=serial, number=number, lacing=lacing, body=content[start:at])


def with_headers_twice(content: bytes) -> bytes:
    """The file with its three headers repeated before the sound, as a careless tagger left them in real files."""
    first, second, *others = pages(content)
    again = replace(second, lacing=first.lacing + second.lacing, body=first.body + second.body)
    return b"".join(bytes(replace(page, number=number)) for number, page in enumerate((first, second, again, *others)))


def _checksum(content: bytes) -> int:
    value = 0
    for byte in content:
        value = (value << 8) & 0xFFFFFFFF ^ _TABLE[(value >> 24) ^ byte]
    return value


def _entry(value: int) -> int:
    value <<= 24
    for _ in range(8):
        value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


_TABLE = [_entry(byte) for byte in range(256)]
