"""How long the catalogue takes to follow a large library: `python -m bench.sync`, on a database of its own."""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

import bench.alone  # noqa: F401 - before anything that needs Django
from bench.figure import Figure, show
from embeddings.library.navidrome import NavidromeSource
from embeddings.library.navidrome_ids import canonical
from embeddings.library.sync import sync
from embeddings.models import Library, Track

ROWS = 100_000
CHUNK = 1000
FIRST_SECONDS, FIRST_RATIO = 30.0, 1.5
SECOND_SECONDS, SECOND_RATIO = 5.0, 3.0
ALL_CHANGED_SECONDS = 30.0
COLUMNS = (
    "id, library_id, folder_id, path, title, artist, album, album_artist, artist_id, album_id, track_number, "
    "disc_number, year, duration, size, updated_at, mbz_recording_id, tags, missing"
)


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as folder, own_database(Path(folder) / "catalogue.sqlite3"):
        navidrome = write_navidrome(Path(folder) / "navidrome.db")
        source = NavidromeSource(navidrome)
        floor_write = timed(lambda: plain_write(source))
        Library.objects.all().delete()
        first = timed(lambda: sync(source))
        with CaptureQueriesContext(connection) as queries:
            second = min(timed(lambda: sync(source)) for _ in range(3))
        writes = sum(not query["sql"].startswith("SELECT") for query in queries.captured_queries)
        floor_read = min(timed(lambda: plain_read(navidrome)) for _ in range(3))
        change_everything(navidrome)
        changed = timed(lambda: sync(source))
    return show(
        [
            Figure(name="rows", value=ROWS),
            Figure(name="floor, bulk_create of the same rows", value=floor_write, unit="s"),
            Figure(name="floor, select of the same rows", value=floor_read, unit="s"),
            Figure(name="first sync", value=first, unit="s", bar=FIRST_SECONDS, at_most=True),
            Figure(name="first sync / bulk_create", value=first / floor_write, unit="x", bar=FIRST_RATIO, at_most=True),
            Figure(name="unchanged sync", value=second, unit="s", bar=SECOND_SECONDS, at_most=True),
            Figure(name="unchanged sync / select", value=second / floor_read, unit="x", bar=SECOND_RATIO, at_most=True),
            Figure(name="unchanged sync, statements that write", value=writes, bar=0, at_most=True),
            Figure(name="everything changed", value=changed, unit="s", bar=ALL_CHANGED_SECONDS, at_most=True),
        ]
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def own_database(path: Path) -> Iterator[None]:
    """An empty catalogue in a file, never the application's own."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(path)
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def write_navidrome(path: Path, rows: int = ROWS) -> Path:
    """A Navidrome database of today's layout, with the columns that are read."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE library (id INTEGER PRIMARY KEY, name TEXT, path TEXT)")
        database.execute("INSERT INTO library VALUES (1, 'Music', '/music')")
        database.execute(f"CREATE TABLE media_file ({COLUMNS})")
        marks = ", ".join("?" * len(COLUMNS.split(", ")))
        database.executemany(f"INSERT INTO media_file VALUES ({marks})", map(media_file, range(rows)))  # noqa: S608
    return path


def media_file(number: int) -> tuple[object, ...]:
    """One row: ten tracks an album, ten albums an artist."""
    artist, album = number // 100, number // 10
    return (
        f"{number:032x}",
        1,
        f"{album:022}",
        f"Artist {artist}/Album {album}/{number % 10 + 1:02} - Title {number}.flac",
        f"Title {number}",
        f"Artist {artist}",
        f"Album {album}",
        f"Artist {artist}",
        f"{artist:022}",
        f"{album:022}",
        number % 10 + 1,
        1,
        1950 + number % 75,
        180 + number % 240 + 0.25,
        20_000_000 + number,
        f"2024-{number % 12 + 1:02}-{number % 28 + 1:02} 12:30:{number % 60:02}.123456789+02:00",
        f"{number:08x}-0000-4000-8000-000000000000",
        json.dumps({"genre": [{"id": "x", "value": f"Genre {number % 40}"}], "mood": [{"id": "y", "value": "calm"}]}),
        0,
    )


def change_everything(path: Path) -> None:
    """What an upgrade to canonical ids and a run of a tagger leave behind."""
    with closing(sqlite3.connect(path)) as database, database:
        database.create_function("canonical", 1, canonical)
        database.execute("UPDATE media_file SET id = canonical(id), title = title || ' (live)', size = size + 7")


def plain_write(source: NavidromeSource) -> None:
    """The floor of a first synchronisation: the same rows, read and written without comparing anything."""
    tracks = source.listings({})[0].tracks
    library = Library.objects.create(source="floor", external_id=1, name="floor", root="/floor")
    for start in range(0, len(tracks), CHUNK):
        Track.objects.bulk_create(
            Track(
                library=library,
                **{name: getattr(track, name) for name in track.__slots__ if name != "library_external_id"},
            )
            for track in tracks[start : start + CHUNK]
        )


def plain_read(path: Path) -> None:
    """The floor of a synchronisation without changes: both sides read, nothing compared."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        database.execute(f"SELECT {COLUMNS} FROM media_file").fetchall()  # noqa: S608
    list(Track.objects.order_by().values_list())


if __name__ == "__main__":
    sys.exit(main())
