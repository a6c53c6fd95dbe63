"""Finds what a caller names: tracks and keys, by our id or by any that Navidrome gave them, now or before."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from django.db.models import F

from embeddings.library.clean import KEY_LENGTH
from embeddings.library.navidrome_ids import forms
from embeddings.models import Track

MOST_AT_ONCE = 10_000
"""Values of one condition; SQLite takes 32,766 since 3.32, PostgreSQL 65,535."""

Value = TypeVar("Value")


class NamedTrack(NamedTuple):
    """A track of the catalogue, as far as one who named it needs it."""

    id: str
    """Ours."""
    artist: str
    title: str
    path: str
    artist_key: str
    album_key: str
    album: str
    duration: float | None
    recording_mbid: str

    @property
    def label(self) -> str:
        """`Artist - Title`, falling back to the file's name."""
        title = self.title or self.path.rsplit("/", 1)[-1]
        return f"{self.artist} - {title}" if self.artist else title


COLUMNS = ("id", "artist", "title", "path", "artist_key", "album_key", "album", "duration", "recording_mbid")
"""Of `Track`, in the order of `NamedTrack`."""


def named_track(values: Iterable[Any]) -> NamedTrack:
    """Make one of the values of `COLUMNS`."""
    key, *others = values
    return NamedTrack(str(key), *others)


def find_tracks(names: Collection[str]) -> dict[str, NamedTrack]:
    """Find tracks by name, those that are unknown left out; two or four queries, whatever the number of names.

    A name is our id, or Navidrome's: the one that the catalogue holds, the one that Navidrome 0.64 made of it, or,
    where that can be told, the one that it was made of. Of several tracks with one name a present one is meant.
    """
    wanted = {name for name in names if is_name(name)}
    ours = {name: key for name in wanted if (key := _uuid(name)) is not None}
    by_id = {row.id: row for row in _rows("pk__in", set(ours.values()))}
    found = {name: by_id[str(key)] for name, key in ours.items() if str(key) in by_id}
    found |= _by_navidrome({name: (name,) for name in wanted - found.keys()})
    return found | _by_navidrome({name: forms(name)[1:] for name in wanted - found.keys()})


def find_keys(field: str, names: Collection[str]) -> dict[str, str]:
    """Find the catalogue's own form of keys, those that are unknown left out; one query.

    Args:
        field: `artist_key` or `album_key`.
        names: keys as the catalogue writes them, or ids of Navidrome's, now or before.

    """
    by_name = {name: forms(name) for name in names if is_name(name)}
    asked = {form for every in by_name.values() for form in every}
    known: set[str] = set()
    for part in chunks(asked, MOST_AT_ONCE):
        known.update(Track.objects.filter(**{f"{field}__in": part}).order_by().values_list(field, flat=True).distinct())
    firsts = {name: next((form for form in every if form in known), "") for name, every in by_name.items()}
    return {name: first for name, first in firsts.items() if first}


def is_name(name: str) -> bool:
    """Whether anything could have this name; databases take no NUL and no half of a character, not even to look."""
    return 0 < len(name) <= KEY_LENGTH and name.isprintable()


def chunks(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """Lists of at most `size` values."""
    source = iter(values)
    while chunk := list(islice(source, size)):
        yield chunk


def _by_navidrome(asked: dict[str, tuple[str, ...]]) -> dict[str, NamedTrack]:
    """The tracks whose id at Navidrome is one of these forms, the first of them that is known, by name."""
    rows: dict[str, NamedTrack] = {}
    for part in chunks({form for every in asked.values() for form in every}, MOST_AT_ONCE):
        # Those to prefer last: the lost ones first, and each time in the same order.
        found = Track.objects.filter(navidrome_id__in=part).order_by(F("missing_since").asc(nulls_last=True), "pk")
        rows |= {theirs: named_track(values) for *values, theirs in found.values_list(*COLUMNS, "navidrome_id")}
    known = {name: [rows[form] for form in every if form in rows] for name, every in asked.items()}
    return {name: tracks[0] for name, tracks in known.items() if tracks}


def _rows(condition: str, values: Collection[Any]) -> Iterator[NamedTrack]:
    for part in chunks(values, MOST_AT_ONCE):
        yield from map(named_track, Track.objects.filter(**{condition: part}).order_by().values_list(*COLUMNS))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
