"""What Navidrome's users play, love and rate, and what is in their playlists; read from its database, all versions."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from embeddings.errors import BackendUnavailable
from embeddings.library.navidrome_ids import forms
from embeddings.library.navidrome_open import read_database
from embeddings.library.navidrome_rows import moment

Marked = Literal["media_file", "album", "artist"]
"""Navidrome's word for what a mark is on."""

MOST_AT_ONCE = 500
"""Values of one condition; SQLite before 3.32 takes 999."""

_MARKS = """
    SELECT item_type, CAST(item_id AS TEXT), CAST(coalesce(play_count, 0) AS INTEGER), CAST(play_date AS TEXT),
           CAST(coalesce(rating, 0) AS INTEGER), coalesce(starred, 0) <> 0
      FROM annotation
     WHERE user_id = ? AND item_type IN ('media_file', 'album', 'artist')
       AND (coalesce(play_count, 0) > 0 OR coalesce(rating, 0) > 0 OR coalesce(starred, 0) <> 0)
     ORDER BY item_type, item_id
"""
_PLAYLISTS = "SELECT CAST(id AS TEXT), owner_id, coalesce(public, 0) <> 0 FROM playlist WHERE id IN ({marks})"
_TRACKS = """
    SELECT CAST(playlist_id AS TEXT), CAST(media_file_id AS TEXT) FROM playlist_tracks WHERE playlist_id IN ({marks})
     ORDER BY playlist_id, CAST(id AS INTEGER)
"""


class Mark(NamedTuple):
    """What one user has left on one thing."""

    kind: Marked
    id: str
    """Navidrome's."""
    plays: int
    played_at: datetime | None
    """The last time."""
    rating: int
    """1..5 stars; 0 for none."""
    starred: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlists:
    """Playlists that somebody may read."""

    tracks: Mapping[str, tuple[str, ...]]
    """Navidrome's ids of their tracks, in order, by the id that each playlist was asked for by."""
    user_known: bool
    """Whether there is a user of the name; without a name there is none."""


def read_marks(database: Path, user: str) -> list[Mark] | None:
    """Everything that a user has played, starred or rated; None when Navidrome has no user of this name.

    Raises:
        BackendUnavailable: the database is not there, not Navidrome's, or cannot be read now.

    """

    def read(connection: sqlite3.Connection) -> list[Any] | None:
        _check(connection, "user", "annotation")
        key = _user(connection, user)
        return None if key is None else connection.execute(_MARKS, (key,)).fetchall()

    rows = read_database(database, read)
    if rows is None:
        return None
    return [
        Mark(kind, key, plays, moment(played_at), rating, bool(starred))
        for kind, key, plays, played_at, rating, starred in rows
    ]


def read_playlists(database: Path, ids: Collection[str], user: str = "") -> Playlists:
    """Read playlists by Navidrome's id, now or before 0.64: those that are public, and those of the user.

    One that is somebody else's own is left out as if it did not exist.

    Raises:
        BackendUnavailable: the database is not there, not Navidrome's, or cannot be read now.

    """
    # SQLite takes no half of a character, not even to look for it.
    asked = {key: forms(key) for key in ids if key.isprintable()}
    every = sorted({form for all_forms in asked.values() for form in all_forms})

    def read(connection: sqlite3.Connection) -> tuple[str | None, list[Any], list[Any]]:
        _check(connection, "user", "playlist", "playlist_tracks")
        key = _user(connection, user)
        lists = _each(connection, _PLAYLISTS, every)
        open_ones = [playlist for playlist, owner, public in lists if public or (key is not None and owner == key)]
        return key, open_ones, _each(connection, _TRACKS, open_ones)

    key, open_ones, rows = read_database(database, read)
    tracks: dict[str, list[str]] = {playlist: [] for playlist in open_ones}
    for playlist, track in rows:
        tracks[playlist].append(track or "")
    found = {name: next((form for form in all_forms if form in tracks), None) for name, all_forms in asked.items()}
    return Playlists(
        tracks={name: tuple(tracks[form]) for name, form in found.items() if form is not None},
        user_known=key is not None,
    )


def _user(connection: sqlite3.Connection, name: str) -> str | None:
    """The id of a user, whatever the case of the name; Navidrome's own column compares ASCII letters only so."""
    if not name:
        return None
    users = connection.execute("SELECT id, CAST(user_name AS TEXT) FROM user ORDER BY id").fetchall()
    equal: list[Callable[[str], bool]] = [lambda said: said == name, lambda said: said.casefold() == name.casefold()]
    return next((key for same in equal for key, said in users if same(said or "")), None)


def _each(connection: sqlite3.Connection, query: str, values: Collection[str]) -> list[Any]:
    rows: list[Any] = []
    for part in _parts(list(values)):
        rows += connection.execute(query.format(marks=", ".join("?" * len(part))), part).fetchall()
    return rows


def _parts(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), MOST_AT_ONCE):
        yield values[start : start + MOST_AT_ONCE]


def _check(connection: sqlite3.Connection, *tables: str) -> None:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    missing = [table for table in tables if table not in names]
    if missing:
        raise BackendUnavailable(
            f"The file that NAVIDROME_DB names has no table {missing[0]!r}; is it Navidrome's, of 0.52 or later?"
        )
