"""Tags written byte by byte, because taggers refuse to write them this badly."""

import struct


def syncsafe(number: int) -> bytes:
    """Four times seven bits."""
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def id3_frame(name: bytes, content: bytes, flags: bytes = b"\0\0") -> bytes:
    """One frame of an ID3v2.4 tag."""
    return name + syncsafe(len(content)) + flags + content


def unsynchronised(content: bytes) -> bytes:
    """Content as ID3 unsynchronisation writes it: a zero after every 0xFF that needs one."""
    out = bytearray()
    for byte, following in zip(content, [*content[1:], 0xFF], strict=True):
        out.append(byte)
        if byte == 0xFF and (following >= 0xE0 or following == 0):
            out.append(0)
    return bytes(out)


def id3v2(*frames: bytes, flags: int = 0, version: int = 4) -> bytes:
    """A whole ID3v2 tag."""
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


def apev2(**fields: bytes) -> bytes:
    """A whole APEv2 tag."""
    body = b"".join(struct.pack("<II", len(value), 0) + key.encode() + b"\0" + value for key, value in fields.items())

    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, len(fields), flags) + bytes(8)

    return edge(0xA0000000) + body + edge(0x80000000)


def id3v1(title: bytes, artist: bytes) -> bytes:
    """A whole ID3v1 tag."""
    return (
        b"TAG" + title.ljust(30, b"\0")[:30] + artist.ljust(30, b"\0")[:30] + bytes(30) + b"2001" + bytes(30) + b"\x0c"
    )


def vorbis_comment(*fields: bytes) -> bytes:
    """A comment block of a flac, header included; each field is `name=value`."""
    vendor, *comments = (struct.pack("<I", len(part)) + part for part in (b"vendor", *fields))
    return _block(4, vendor + struct.pack("<I", len(fields)) + b"".join(comments))


def picture(image: bytes) -> bytes:
    """A picture block of a flac, header included."""
    return _block(6, struct.pack(">II10sIIIIII", 3, 10, b"image/jpeg", 0, 64, 64, 24, 0, len(image)) + image)


def with_blocks(flac: bytes, *blocks: bytes) -> bytes:
    """A flac with these blocks in place of all its own but the first, which describes the sound."""
    at, last = 4, False
    while not last:
        last = bool(flac[at] & 0x80)
        at += 4 + int.from_bytes(flac[at + 1 : at + 4], "big")
    end = bytes([blocks[-1][0] | 0x80]) + blocks[-1][1:]
    return b"fLaC" + _block(0, flac[8:42]) + b"".join(blocks[:-1]) + end + flac[at:]


def _block(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "big") + content
