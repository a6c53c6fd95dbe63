"""Two small music libraries that tests can rearrange: files in a folder, and rows of a Navidrome database."""

# mypy: disallow-untyped-calls=False
# Mutagen is untyped.

import hashlib
import json
import os
import sqlite3
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from mutagen.id3 import TALB, TIT2, TPE1
from mutagen.wave import WAVE

from embeddings.library.base import MusicSource
from embeddings.library.folder import FolderSource
from embeddings.library.navidrome import NavidromeSource

EPOCH_2024 = 1_704_067_200.123456


class Shelf(Protocol):
    """A library that a person rearranges between two looks of ours."""

    source: MusicSource

    def put(self, path: str, title: str) -> None: ...
    def retag(self, path: str, title: str) -> None: ...
    def move(self, old: str, new: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def restore(self, path: str) -> None: ...
    def vanish(self) -> None: ...


class FolderShelf:
    """Real files of a tenth of a second, each written later than the one before."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "music"
        self.root.mkdir()
        self.source = FolderSource(self.root)
        self._lost = folder / "lost"
        self._clock = EPOCH_2024

    def put(self, path: str, title: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        write_wave(file, title=title)
        self._stamp(file)

    def retag(self, path: str, title: str) -> None:
        tags = WAVE(self.root / path)
        tags["TIT2"] = TIT2(text=title)
        tags.save()
        self._stamp(self.root / path)

    def move(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    def remove(self, path: str) -> None:
        self._lost.mkdir(exist_ok=True)
        (self.root / path).rename(self._lost / hashlib.md5(path.encode()).hexdigest())

    def restore(self, path: str) -> None:
        (self._lost / hashlib.md5(path.encode()).hexdigest()).rename(self.root / path)

    def vanish(self) -> None:
        self.root.rename(self.root.with_name("unmounted"))

    def _stamp(self, file: Path) -> None:
        self._clock += 60.25
        os.utime(file, (self._clock, self._clock))


class NavidromeShelf:
    """Rows as Navidrome's scanner leaves them: a moved file keeps its id, a lost one is marked as missing."""

    def __init__(self, folder: Path, layout: str = "0.58") -> None:
        self.database = folder / "navidrome.db"
        make_navidrome(self.database, layout, libraries=[(1, "Music", "/music")])
        self.source = NavidromeSource(self.database, [("/music", str(folder / "music"))])
        self._added = 0

    def put(self, path: str, title: str) -> None:
        self._added += 1
        add_row(self.database, id=f"{self._added:022}", library_id=1, path=path, title=title, size=1000 + self._added)

    def retag(self, path: str, title: str) -> None:
        self.execute("UPDATE media_file SET title = ?, size = size + 9 WHERE path = ? AND NOT missing", title, path)

    def move(self, old: str, new: str) -> None:
        self.execute("UPDATE media_file SET path = ? WHERE path = ? AND NOT missing", new, old)

    def remove(self, path: str) -> None:
        self.execute("UPDATE media_file SET missing = 1 WHERE path = ?", path)

    def restore(self, path: str) -> None:
        self.execute("UPDATE media_file SET missing = 0 WHERE path = ?", path)

    def vanish(self) -> None:
        self.database.rename(self.database.with_name("elsewhere.db"))

    def execute(self, query: str, *values: object) -> None:
        with changing(self.database) as database:
            database.execute(query, values)


_BASE = (
    "id, title, path, artist, album, album_artist, artist_id, album_id, track_number, disc_number, year, duration, "
    "size, updated_at, genre"
)
COLUMNS = {
    "0.52": f"{_BASE}, mbz_recording_id",
    "0.53": f"{_BASE}, mbz_recording_id, library_id",
    "0.55": f"{_BASE}, mbz_recording_id, library_id, pid, folder_id, missing, tags, participants",
    "0.58": f"{_BASE}, mbz_recording_id, library_id, pid, folder_id, missing, tags, participants, birth_time",
    "0.64": f"{_BASE}, mbz_recording_id, library_id, pid, folder_id, missing, tags, participants, birth_time, codec",
}
"""The columns of `media_file` that matter here, by the version that first had them so."""


def make_navidrome(path: Path, layout: str, *, libraries: list[tuple[int, str, str]]) -> None:
    """An empty database of a layout, with its log switched on as Navidrome does."""
    with changing(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"CREATE TABLE media_file ({COLUMNS[layout]})")
        if layout != "0.52":
            database.execute("CREATE TABLE library (id INTEGER PRIMARY KEY, name TEXT, path TEXT)")
            database.executemany("INSERT INTO library VALUES (?, ?, ?)", libraries)
        if layout in {"0.52", "0.53"}:
            database.execute("CREATE TABLE genre (id, name)")
            database.execute("CREATE TABLE media_file_genres (media_file_id, genre_id)")


def add_row(database: Path, **said: object) -> None:
    """Insert a track; what is not said is filled in, what the layout lacks is left out."""
    path = said["path"] if isinstance(said["path"], str) else "bytes"
    row = {
        "title": path.rpartition("/")[2],
        "artist": "Artist",
        "album": "Album",
        "album_artist": "Artist",
        "artist_id": "4bbbbbbbbbbbbbbbbbbbbb",
        "album_id": "4ccccccccccccccccccccc",
        "track_number": 3,
        "disc_number": 1,
        "year": 1999,
        "duration": 201.5,
        "size": 1000,
        "updated_at": datetime.fromtimestamp(EPOCH_2024, UTC).isoformat(sep=" "),
        "missing": 0,
        "tags": json.dumps({"genre": [{"id": "1", "value": "Rock"}, {"id": "2", "value": "Surf"}], "mood": []}),
    } | said
    with changing(database) as connection:
        columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(media_file)")}
        row = {name: value for name, value in row.items() if name in columns}
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO media_file ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes, committed and closed at the end."""
    with closing(sqlite3.connect(path)) as database, database:
        yield database


def write_wave(file: Path, *, title: str = "", artist: str = "Artist", album: str = "Album") -> None:
    """A tenth of a second of its own tone, with tags where a title is given."""
    seed = hashlib.md5(f"{title}{file}".encode()).digest()
    with wave.open(str(file), "wb") as audio:
        audio.setparams((1, 2, 8000, 0, "NONE", ""))
        audio.writeframes(seed * 100)
    if title:
        tags: Any = WAVE(file)
        tags.add_tags()
        tags.tags.update({"TIT2": TIT2(text=title), "TPE1": TPE1(text=artist), "TALB": TALB(text=album)})
        tags.save()
