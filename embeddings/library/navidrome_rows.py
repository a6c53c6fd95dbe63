"""What we read of Navidrome's database, of every layout since 0.52, and what it means for one track."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from embeddings.errors import BackendUnavailable
from embeddings.library.base import SourceTrack
from embeddings.library.clean import (
    KEY_LENGTH,
    clean_genres,
    clean_text,
    recording_mbid,
    seconds,
    signature,
    whole_number,
)
from embeddings.library.navidrome_ids import canonical
from embeddings.paths import to_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = frozenset({"library_id", "track_number", "disc_number", "year", "duration", "size"})
_GENRES = (
    "CASE WHEN json_valid(tags) THEN CASE json_type(tags, '$.genre') WHEN 'array' "
    "THEN json_extract(tags, '$.genre') END END"
)


class Row(NamedTuple):
    """One row of `media_file`; columns that a version lacks are None."""

    id: str
    library_id: int | None
    path: bytes
    title: str | None
    artist: str | None
    album: str | None
    album_artist: str | None
    artist_id: str | None
    album_id: str | None
    track_number: int | None
    disc_number: int | None
    year: int | None
    duration: float | None
    size: int | None
    updated_at: str | None
    mbz_recording_id: str | None
    genre: str | None
    """A JSON list of `{"id", "value"}` since 0.55, one name before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Navidrome's rows at one moment."""

    relative: bool
    """Whether paths are relative to their library (since 0.55) or absolute."""
    libraries: list[tuple[int, str, bytes]]
    """Number, name and path as Navidrome sees it; empty before 0.53."""
    rows: list[Row]
    genres: dict[str, list[str]]
    """Genres by track id; empty since 0.55."""


def read_snapshot(connection: sqlite3.Connection) -> Snapshot:
    """Fetch libraries and present tracks into memory.

    Raises:
        BackendUnavailable: the file is no Navidrome database.

    """
    columns = _columns(connection, "media_file")
    if not {"id", "path"} <= columns:
        raise BackendUnavailable("The file that NAVIDROME_DB names is not a Navidrome database.")
    relative = {"folder_id", "missing"} <= columns
    chosen = ", ".join(_expression(name, columns, relative=relative) for name in Row._fields)
    present = "WHERE coalesce(missing, 0) = 0" if "missing" in columns else ""
    rows = connection.execute(f"SELECT {chosen} FROM media_file {present} ORDER BY id").fetchall()  # noqa: S608 - our names
    libraries = []
    if _columns(connection, "library"):
        libraries = connection.execute("SELECT id, name, CAST(path AS BLOB) FROM library ORDER BY id").fetchall()
    return Snapshot(
        relative=relative,
        libraries=libraries,
        rows=[Row._make(row) for row in rows],
        genres={} if relative else _legacy_genres(connection),
    )


class TrackReader:
    """Turns rows into tracks; remembers keys and genres, which thousands of rows share."""

    def __init__(self, genres: dict[str, list[str]]) -> None:
        self._genres_by_id = genres
        self._keys: dict[str, str] = {}
        self._genres: dict[str, tuple[str, ...]] = {}

    def track(self, row: Row, library: int, path: str) -> SourceTrack:
        """The track of a row that lies at `path` in `library`."""
        size = row.size if isinstance(row.size, int) and row.size > 0 else 0
        return SourceTrack(
            library_external_id=library,
            path=path,
            navidrome_id=row.id,
            signature=signature(size, _modified_us(row.updated_at)),
            size=size,
            title=clean_text(row.title or ""),
            artist=clean_text(row.artist or ""),
            album=clean_text(row.album or ""),
            album_artist=clean_text(row.album_artist or ""),
            artist_key=self._key(row.artist_id or ""),
            album_key=self._key(row.album_id or ""),
            track_number=whole_number(row.track_number, 99_999),
            disc_number=whole_number(row.disc_number, 9_999),
            year=whole_number(row.year, 9_999),
            genres=self._genres_of(row),
            duration=seconds(row.duration),
            recording_mbid=recording_mbid(row.mbz_recording_id or ""),
        )

    def _key(self, navidrome_id: str) -> str:
        # In canonical form, so that the upgrade to 0.64 does not change the key that is stored beside a vector.
        if navidrome_id not in self._keys:
            self._keys[navidrome_id] = clean_text(canonical(navidrome_id), KEY_LENGTH)
        return self._keys[navidrome_id]

    def _genres_of(self, row: Row) -> tuple[str, ...]:
        if row.id in self._genres_by_id:
            return clean_genres(self._genres_by_id[row.id])
        text = row.genre or ""
        if text not in self._genres:
            self._genres[text] = clean_genres(_genre_names(text))
        return self._genres[text]


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}


def _expression(name: str, columns: set[str], *, relative: bool) -> str:
    if name == "genre" and relative:
        # The scanner of 0.55 and later fills `tags` only.
        return _GENRES if "tags" in columns else "NULL"
    if name not in columns:
        return "NULL"
    # SQLite keeps in a column whatever was put there; names of files are bytes.
    return {"path": "CAST(path AS BLOB)"}.get(name, name if name in _NUMBERS else f"CAST({name} AS TEXT)")


def _legacy_genres(connection: sqlite3.Connection) -> dict[str, list[str]]:
    genres: dict[str, list[str]] = {}
    if _columns(connection, "media_file_genres") and _columns(connection, "genre"):
        query = (
            "SELECT link.media_file_id, genre.name FROM media_file_genres link JOIN genre ON genre.id = link.genre_id "
            "ORDER BY link.media_file_id, genre.name"
        )
        for track, name in connection.execute(query):
            genres.setdefault(track, []).append(name or "")
    return genres


def _genre_names(text: str) -> list[str]:
    if not text.startswith("[{"):
        return [] if text.startswith("[") else [text]
    values = [entry.get("value") for entry in json.loads(text) if isinstance(entry, dict)]
    return [value for value in values if isinstance(value, str)]


def moment(text: str | None) -> datetime | None:
    """The moment of a timestamp that carries Navidrome's local offset of that day; None for what is none."""
    try:
        said = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if said.year == 1:
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def _modified_us(text: str | None) -> int | None:
    """Microseconds since 1970 UTC."""
    said = moment(text)
    return None if said is None else (said - _EPOCH) // _MICROSECOND


def row_path(row: Row) -> str:
    """The path of a row in the text form of `embeddings.paths`."""
    return to_text(row.path)
