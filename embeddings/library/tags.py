"""What a file's tags say, in one form for all formats; a damaged tag is no tag, never an error."""

import logging
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import mutagen

from embeddings.library.clean import NAME_LENGTH, clean_genres, clean_text, recording_mbid, seconds, whole_number
from embeddings.library.tag_names import FORMATS, Names

logger = logging.getLogger(__name__)

_MOST_VALUES = 256

# Mutagen promises MutagenError, and on hostile bytes raises whatever its arithmetic and look-ups raise.
_DAMAGED = (
    mutagen.MutagenError,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    NotImplementedError,
    MemoryError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of one file; empty texts and None where nothing usable is said."""

    title: str = ""
    artist: str = ""
    album: str = ""
    album_artist: str = ""
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    duration: float | None = None
    """Seconds, as the container claims."""
    recording_mbid: str = ""


def read_tags(location: bytes) -> Tags:
    """Open a file and read its tags; covers and lyrics are let go at once."""
    try:
        # A file object, because mutagen takes no name that is bytes.
        with open(location, "rb") as file:  # noqa: PTH123 - pathlib knows no bytes
            parsed = mutagen.File(file)
        return Tags() if parsed is None else _tags(parsed)
    except _DAMAGED as error:
        logger.info("tags not readable path=%r reason=%s", location, type(error).__name__)
        return Tags()


def _tags(parsed: Any) -> Tags:
    duration = seconds(getattr(parsed.info, "length", None))
    names = next((names for kind, names in FORMATS.items() if isinstance(parsed.tags, kind)), None)
    if names is None:
        return Tags(duration=duration)
    fields = {field: _values(parsed.tags, names, field) for field in names}
    return Tags(
        title=_joined(fields["title"]),
        artist=_joined(fields["artist"]),
        album=_joined(fields["album"]),
        album_artist=_joined(fields["album_artist"]),
        track_number=_first_number(fields["track_number"], 99_999),
        disc_number=_first_number(fields["disc_number"], 9_999),
        year=_first_number([text[:4] for text in fields["date"]], 9_999),
        genres=clean_genres([part for text in fields["genre"] for part in text[:NAME_LENGTH].split(";")]),
        duration=duration,
        recording_mbid=recording_mbid(next(iter(fields["mbid"]), "")),
    )


def _values(tags: Any, names: Names, field: str) -> list[str]:
    """The values of one field as texts; a field that cannot be read does not spoil the others."""
    for key in names[field]:
        try:
            if key in tags:
                return [_text(value) for value in _parts(tags[key])[:_MOST_VALUES]]
        except _DAMAGED:
            continue
    return []


def _parts(value: Any) -> list[Any]:
    if hasattr(value, "genres"):  # ID3's TCON, which may say `(17)` for Rock
        return list(value.genres)
    if hasattr(value, "text"):
        return list(value.text)
    if hasattr(value, "data"):
        return [value.data]
    return list(value) if isinstance(value, list) or hasattr(value, "kind") else [value]


def _text(value: Any) -> str:
    if isinstance(value, tuple):  # MP4's (number, total)
        value = value[0] if value else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _joined(values: list[str]) -> str:
    """Several artists as one text, each once."""
    texts = dict.fromkeys(clean_text(value) for value in values)
    return clean_text("; ".join(text for text in texts if text))


def _first_number(values: list[str], most: int) -> int | None:
    return next((number for value in values if (number := whole_number(value.strip(), most)) is not None), None)
