"""The text form of file names: any bytes a file system allows, as valid Unicode and back.

File names are bytes. Databases, JSON and vector stores want text, and Python's own escape
(lone surrogates) is refused by all three. Valid UTF-8 stays as it is; every other byte 0x80..0xFF
becomes one private-use character U+EF80..U+EFFF, as in MirBSD's OPTU-8. A name that really holds
such a character is escaped byte by byte, so two names never share a text form.
"""

_FIRST = 0xEF80
_SURROGATE = 0xDC80

_TO_TEXT = {_SURROGATE + i: chr(_FIRST + i) for i in range(128)} | {
    _FIRST + i: "".join(chr(_FIRST - 0x80 + byte) for byte in chr(_FIRST + i).encode()) for i in range(128)
}
_TO_SURROGATE = {_FIRST + i: chr(_SURROGATE + i) for i in range(128)}


def to_text(path: bytes) -> str:
    """Text form of a file name or path; `to_bytes` gives the same bytes back."""
    return path.decode("utf-8", "surrogateescape").translate(_TO_TEXT)


def to_bytes(text: str) -> bytes:
    """The file name or path that a text form stands for.

    Raises:
        UnicodeEncodeError: the text holds lone surrogates, which no text form does.

    """
    text.encode()
    return text.translate(_TO_SURROGATE).encode("utf-8", "surrogateescape")
