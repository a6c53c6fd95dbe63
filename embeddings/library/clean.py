"""Makes what tags and other people's databases say fit for our columns: text, numbers, keys, signatures."""

import hashlib
import math
import re
import unicodedata

NAME_LENGTH = 512
KEY_LENGTH = 64
GENRE_LENGTH = 100
MOST_GENRES = 32
PATH_LENGTH = 2048
# A row of PostgreSQL's index on (library, path) holds at most 2704 bytes.
PATH_BYTES = 2600

_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_JOINERS = "\u200d\ufe0e\ufe0f"


def clean_text(text: str, limit: int = NAME_LENGTH) -> str:
    """The text without control characters and broken surrogates, spaces collapsed, cut to `limit` characters.

    A cut never parts a letter from its accents, nor an emoji from what it is joined with.
    """
    # What no limit lets through need not be looked at: a title can be a megabyte long.
    text = text[: 4 * limit]
    if not text.isprintable():
        text = "".join(" " if char.isspace() else char for char in text if not _is_noise(char))
    text = " ".join(text.split())
    return text if len(text) <= limit else _cut(text, limit)


def clean_genres(names: list[str]) -> tuple[str, ...]:
    """Genres in their order, each once, at most 32."""
    found = dict.fromkeys(clean_text(name, GENRE_LENGTH) for name in names[: 4 * MOST_GENRES])
    return tuple(name for name in found if name)[:MOST_GENRES]


def whole_number(value: object, most: int) -> int | None:
    """The number, or the one before the slash of `3/12`; None outside 1..`most`."""
    if not isinstance(value, int):
        text = str(value).partition("/")[0].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            return None
        value = int(text)
    return value if 0 < value <= most else None


def seconds(value: object) -> float | None:
    """A duration: finite and above zero, else None."""
    if not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def recording_mbid(text: str) -> str:
    """The MusicBrainz id in lower case; empty when it is none."""
    text = text.strip().lower()
    return text if _MBID.fullmatch(text) else ""


def name_key(*names: str) -> str:
    """A key of names that ignores case, spacing and Unicode form; empty when the last name is unknown."""
    plain = [" ".join(unicodedata.normalize("NFC", name).casefold().split()) for name in names]
    if not plain[-1]:
        return ""
    return hashlib.blake2b("\0".join(plain).encode(), digest_size=16).hexdigest()


def signature(size: int, modified_us: int | None) -> str:
    """Size in bytes and modification time in microseconds since 1970 UTC; `-` when the time is unknown.

    Every source writes it alike, so a file keeps its signature when the source of the catalogue changes.
    """
    return f"{size}:{'-' if modified_us is None else modified_us}"


def is_storable(path: str) -> bool:
    """Whether the catalogue can hold the path."""
    return 0 < len(path) <= PATH_LENGTH and len(path.encode()) <= PATH_BYTES


def _is_noise(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} and not char.isspace()


def _cut(text: str, limit: int) -> str:
    end = limit
    while end > 0 and (unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] == _JOINERS[0]):
        end -= 1
    # A pile of accents longer than the column is no text worth keeping whole.
    return text[: end or limit].rstrip()
