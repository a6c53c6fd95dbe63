"""Reading beside a Navidrome that runs, was stopped, or was killed: right rows, and not a byte written."""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from embeddings.errors import BackendUnavailable
from embeddings.library.navidrome_open import read_database
from tests.embeddings.library.shelves import add_row, make_navidrome

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="embedder-navidrome-"))
    path.chmod(0o755)
    make_navidrome(path / "navidrome.db", "0.58", libraries=[(1, "Music", "/music")])
    add_row(path / "navidrome.db", id="1", library_id=1, path="old.mp3")
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


@pytest.fixture
def writer(folder: Path) -> Iterator[sqlite3.Connection]:
    """Navidrome at work: its newest row is in the log, not in the file."""
    with closing(sqlite3.connect(folder / "navidrome.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO media_file (id, path, library_id, missing) VALUES ('2', 'new.mp3', 1, 0)")
        yield connection


def test_a_stopped_database_is_read_and_nothing_is_left_beside_it(folder: Path) -> None:
    before = contents(folder)
    assert paths(folder / "navidrome.db") == ["old.mp3"]
    assert contents(folder) == before


def test_a_running_navidrome_shows_its_newest_rows(folder: Path, writer: sqlite3.Connection) -> None:
    assert paths(folder / "navidrome.db") == ["new.mp3", "old.mp3"]


def test_reading_changes_no_file_of_a_running_navidrome(folder: Path, writer: sqlite3.Connection) -> None:
    before = contents(folder, but="navidrome.db-shm")
    paths(folder / "navidrome.db")
    assert contents(folder, but="navidrome.db-shm") == before


def test_navidrome_writes_on_while_it_is_read(folder: Path, writer: sqlite3.Connection) -> None:
    def read(connection: sqlite3.Connection) -> int:
        writer.execute("INSERT INTO media_file (id, path, library_id, missing) VALUES ('3', 'c.mp3', 1, 0)")
        count: int = connection.execute("SELECT count(*) FROM media_file").fetchone()[0]
        return count

    assert read_database(folder / "navidrome.db", read) in {2, 3}
    assert len(paths(folder / "navidrome.db")) == 3


def test_what_a_reader_tries_to_write_is_refused(folder: Path, writer: sqlite3.Connection) -> None:
    with pytest.raises(BackendUnavailable, match="readonly"):
        read_database(folder / "navidrome.db", lambda connection: connection.execute("DELETE FROM media_file"))


def test_a_killed_navidrome_loses_no_row(folder: Path, writer: sqlite3.Connection) -> None:
    killed = folder / "killed"
    killed.mkdir()
    for file in folder.glob("navidrome.db*"):
        shutil.copy(file, killed)
    assert paths(killed / "navidrome.db") == ["new.mp3", "old.mp3"]


def test_a_log_that_cannot_be_read_is_never_left_out_silently(folder: Path, writer: sqlite3.Connection) -> None:
    killed = folder / "killed"
    killed.mkdir()
    shutil.copy(folder / "navidrome.db", killed)
    shutil.copy(folder / "navidrome.db-wal", killed)
    killed.chmod(0o555)
    said = as_nobody(lambda: paths(killed / "navidrome.db"))
    assert "its log holds unmerged rows" in said


def test_an_unwritable_folder_of_a_stopped_navidrome_can_be_read(folder: Path) -> None:
    (folder / "navidrome.db-wal").touch()
    folder.chmod(0o555)
    assert as_nobody(lambda: paths(folder / "navidrome.db")) == "['old.mp3']"


def test_a_database_that_this_user_may_not_read_is_said_to_be_so(folder: Path) -> None:
    (folder / "navidrome.db").chmod(0o000)
    assert "cannot be read" in as_nobody(lambda: paths(folder / "navidrome.db"))


@pytest.mark.parametrize("name", ["absent.db", "."])
def test_a_file_that_is_not_there_is_not_made(folder: Path, name: str) -> None:
    with pytest.raises(BackendUnavailable, match=r"navidrome\.db itself"):
        paths(folder / name)
    assert not (folder / "absent.db").exists()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nothing", b"text" * 999])
def test_a_file_that_is_no_database_is_said_to_be_so(folder: Path, content: bytes) -> None:
    (folder / "other.db").write_bytes(content)
    with pytest.raises(BackendUnavailable):
        paths(folder / "other.db")


def paths(database: Path) -> list[str]:
    return read_database(
        database,
        lambda connection: [path for (path,) in connection.execute("SELECT path FROM media_file ORDER BY path")],
    )


def contents(folder: Path, but: str = "") -> dict[str, str]:
    return {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.name != but}


def as_nobody(work: Callable[[], object]) -> str:
    """What the work gives or says, done in a child process without the rights of root."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        try:
            said = repr(work())
        except BackendUnavailable as error:
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said
