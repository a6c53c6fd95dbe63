"""Good mp3s with names that break scripts, lists, encodings and command lines."""

import os

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import song_mp3

_GOOD: tuple[tuple[str | bytes, str], ...] = (
    ("🎵 émoji 日本語.mp3", "emoji, accents, Japanese"),
    ("new\nline.mp3", "a newline in the name"),
    (b"latin1_caf\xe9.mp3", "bytes that are not UTF-8"),
    (b"sjis_\x96\xe9.mp3", "Shift-JIS bytes"),
    ("private_\uef80_use.mp3", "the character that our own escape for such bytes uses"),
    (b"x" * 251 + b".mp3", "255 bytes long"),
    ("あ" * 83 + "aa.mp3", "255 bytes, 89 characters"),
    ("-rf --help.mp3", "a leading dash"),
    ("%s%n %2F..%2F 100%.mp3", "percent signs"),
    ("%03d.mp3", "a pattern that FFmpeg counts up"),
    ("back\\slash.mp3", "a backslash"),
    ("quote'\"`$(touch pwned);&|<>*?[a]{b}.mp3", "everything a shell understands"),
    ("file:concat|pipe:0.mp3", "looks like an FFmpeg protocol"),
    ("http:__example.mp3", "looks like an address"),
    ("NFC_é.mp3", "a composed accent"),
    ("NFC_e\u0301.mp3", "the same name with a combining accent"),
    ("Case.mp3", "one of two names that differ in case"),
    ("case.mp3", "the other one"),
)
_NO_TRACK: tuple[tuple[str, str], ...] = (
    (" leading and trailing .mp3 ", "spaces at both ends, so no extension"),
    ("rtl_\u202e3pm.exe", "shows as exe.mp3 and ends in .exe"),
    (".hidden.mp3", "a hidden file"),
)


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    for name, what in _GOOD:
        shelf.put(name, song_mp3(), what)
    for name, what in _NO_TRACK:
        shelf.put(name, song_mp3(), what, listed=False)
    double = b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4080)
    shelf.put("._AppleDouble.mp3", double, "what macOS leaves beside a file", "not_audio", listed=False)
    _deep(shelf)
    return shelf.cases


def _deep(shelf: Shelf) -> None:
    """A path longer than the system opens in one go can only be made step by step."""
    steps = [b"d" * 200] * 25
    shelf.cases.append(
        Case(
            path=b"/".join([b"names", *steps, b"deep.mp3"]),
            what="a path of 5,000 bytes",
            outcome="audio_missing",
            listed=False,
        )
    )
    folder = os.open(shelf.place, os.O_RDONLY)
    for step in steps:
        os.mkdir(step, dir_fd=folder)
        inner = os.open(step, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    file = os.open("deep.mp3", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
    os.write(file, song_mp3())
    os.close(file)
    os.close(folder)
