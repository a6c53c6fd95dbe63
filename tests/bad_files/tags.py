"""Sound without a fault behind tags that are huge, hostile, contradictory or broken."""

import random

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import song_flac, song_mp3
from tests.bad_files.tag_bytes import (
    apev2,
    id3_frame,
    id3v1,
    id3v2,
    picture,
    syncsafe,
    unsynchronised,
    vorbis_comment,
    with_blocks,
)

_HOSTILE: dict[str, tuple[str, list[str]]] = {
    "markup.flac": (
        "HTML and SQL in title and artist",
        ["title=<script>alert(1)</script>", "artist=Robert'); DROP TABLE tracks;--"],
    ),
    "formula.flac": ("a title that is a formula", ["title==cmd|' /C calc'!A0", "artist=+1+1"]),
    "control_chars.flac": (
        "NUL, ESC, BEL and newlines in the title",
        ["title=a\x1b[2J\x07b\nc\td\u202e txet", "artist=\x00null"],
    ),
    "rtl_emoji_zwj.flac": ("Arabic, joined emoji, combining marks", ["title=موسيقى 👩\u200d🎤 Z̷a̷", "artist=عمرو 🎻"]),
    "long_title.flac": ("a title of 1 MiB", ["title=" + "x" * (1 << 20)]),
    "many_artists.flac": ("2,000 artists", [f"artist=Artist {number}" for number in range(2000)]),
    "empty_tags.flac": ("tags that are there and blank", ["title=", "artist=   ", "album="]),
    "absurd_numbers.flac": (
        "numbers that are none",
        ["tracknumber=-7/0", "discnumber=∞", "date=99999999999", "bpm=-1e309", "replaygain_track_peak=nan"],
    ),
    "path_in_tags.flac": ("paths in title and album", ["album=../../../../etc", "title=..\\..\\win.ini"]),
}


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    for name, (what, fields) in _HOSTILE.items():
        shelf.put(name, with_blocks(song_flac(), vorbis_comment(*(field.encode() for field in fields))), what)
    _broken(shelf)
    _large(shelf)
    return shelf.cases


def _broken(shelf: Shelf) -> None:
    invalid = vorbis_comment(b"title=\xff\xfe\xe9\x80\xc0\xafab")
    shelf.put("invalid_utf8_comment.flac", with_blocks(song_flac(), invalid), "a comment that is not UTF-8")
    wrong = id3v2(
        id3_frame(b"TIT2", b"\0" + "夜明け".encode("shift_jis")),
        id3_frame(b"TPE1", b"\0" + "Земфира".encode("cp1251")),
        version=3,
    )
    frames = [
        id3_frame(name, unsynchronised(content), b"\0\x02")
        for name, content in (
            (b"TIT2", b"\x01" + "ID3v2 title ÿþ".encode("utf-16")),
            (b"APIC", b"\0image/jpeg\0\x03\0\xff\xd8\xff\xe0" + bytes([255, 254, 255, 0, 255, 255]) * 300),
        )
    ]
    three = id3v2(*frames, flags=0x80) + song_mp3() + apev2(Title=b"APE title") + id3v1(b"ID3v1 title", b"ID3v1 artist")
    shelf.put("mojibake.mp3", wrong + song_mp3(), "Shift-JIS and CP1251 that claim to be Latin-1")
    shelf.put("three_tags.mp3", three, "ID3v2.4, APEv2 and ID3v1 that contradict each other")
    lie = b"ID3\x04\0\0" + syncsafe(200 << 20)
    shelf.put("id3_size_lies.mp3", lie + song_mp3(), "an ID3 tag that claims 200 MiB", "audio_unreadable")
    shelf.put("thousand_id3_tags.mp3", id3v2(id3_frame(b"TIT2", b"\x03Tag")) * 1000 + song_mp3(), "1,000 ID3 tags")


def _large(shelf: Shelf) -> None:
    image = b"\xff\xd8\xff\xe0" + random.Random(9).randbytes(15 << 20)
    cover = id3v2(id3_frame(b"APIC", b"\0image/jpeg\0\x03\0" + image))
    shelf.put("cover_15mb.mp3", cover + song_mp3(), "a cover of 15 MiB in ID3")
    cover_block = with_blocks(song_flac(), picture(image))
    shelf.put("cover_15mb.flac", cover_block, "a cover of 15 MiB in flac")
