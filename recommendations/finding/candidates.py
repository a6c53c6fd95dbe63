"""Reads what the catalogue knows of the tracks that searches have found."""

import uuid
from collections.abc import Collection
from typing import Any

from embeddings.models import Track
from recommendations.asking.naming import MOST_AT_ONCE, chunks
from recommendations.results import Candidate

SAID = (
    "navidrome_id",
    "library_id",
    "title",
    "artist",
    "album",
    "album_artist",
    "artist_key",
    "album_key",
    "path",
    "year",
    "duration",
    "recording_mbid",
)
"""Fields of `Track` that a candidate has as they are."""


def read_candidates(ids: Collection[str]) -> dict[str, Candidate]:
    """Describe the tracks whose file is there, in the order of their ids; one query for every 10,000.

    Args:
        ids: ours, as the store holds them; what is no track of ours, or one whose file is gone, is left out.

    """
    asked = dict.fromkeys(ids)
    rows: dict[str, Candidate] = {}
    for part in chunks(filter(None, map(_key, asked)), MOST_AT_ONCE):
        # Asked whether a file is gone, SQLite would walk through all that are there instead of looking up these.
        found = Track.objects.filter(pk__in=part).order_by().values_list("id", "genres", "missing_since", *SAID)
        rows |= {str(key): _candidate(key, genres, said) for key, genres, gone, *said in found if gone is None}
    return {key: rows[key] for key in asked if key in rows}


def _candidate(key: uuid.UUID, genres: list[str], said: list[Any]) -> Candidate:
    return Candidate(id=str(key), genres=tuple(genres), **dict(zip(SAID, said, strict=True)))


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
