"""Reads Navidrome's SQLite file beside a running Navidrome, without writing a byte next to it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from embeddings.errors import BackendUnavailable

Read = TypeVar("Read")
BUSY_SECONDS = 5.0


def read_database(path: Path, read: Callable[[sqlite3.Connection], Read]) -> Read:
    """Open the database, call `read` within one transaction, close it again.

    `read` fetches into memory and computes nothing: an open reader keeps Navidrome's log growing.

    Raises:
        BackendUnavailable: there is no such file, or it cannot be read now; the message says what to do.

    """
    try:
        if not path.is_file():
            raise BackendUnavailable(f"There is no file {path}; NAVIDROME_DB must name navidrome.db itself.")
        return _read(path, read)
    except (sqlite3.Error, OSError) as error:
        raise BackendUnavailable(f"Navidrome's database {path} cannot be read: {error}.") from error


def _read(path: Path, read: Callable[[sqlite3.Connection], Read]) -> Read:
    # A reader of a stopped database creates -wal and -shm files where it may, with its own owner, which can lock
    # Navidrome out. Without a log the file is whole and nobody writes: it is read as immutable.
    if _is_stopped(path):
        return _read_whole(path, read)
    try:
        return _read_once(path, read, immutable=False)
    except sqlite3.OperationalError as error:
        if _holds(path, "-wal") or _holds(path, "-journal"):
            raise BackendUnavailable(
                f"Navidrome's database {path} cannot be read ({error}): its log holds unmerged rows. Start Navidrome, "
                "let this user read the whole folder, or point NAVIDROME_DB to a backup copy."
            ) from error
        return _read_whole(path, read)


def _read_whole(path: Path, read: Callable[[sqlite3.Connection], Read]) -> Read:
    """Read a file that nobody writes, and make sure that nobody did."""
    before = _state(path)
    found = _read_once(path, read, immutable=True)
    if _holds(path, "-wal") or _state(path) != before:
        raise BackendUnavailable(f"Navidrome began to write {path} while it was being read; try again.")
    return found


def _read_once(path: Path, read: Callable[[sqlite3.Connection], Read], *, immutable: bool) -> Read:
    uri = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        # Tags can hold bytes that are no UTF-8; one of them must not end the whole read.
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        return read(connection)


def _is_stopped(path: Path) -> bool:
    """Whether the file keeps its log in -wal, and no such log is there."""
    with path.open("rb") as file:
        header = file.read(20)
    return header[18:20] == b"\x02\x02" and not _beside(path, "-wal").exists()


def _state(path: Path) -> tuple[int, int, int]:
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns


def _holds(path: Path, suffix: str) -> bool:
    beside = _beside(path, suffix)
    return beside.exists() and beside.stat().st_size > 0


def _beside(path: Path, suffix: str) -> Path:
    # SQLite looks for the log beside the file itself, not beside a link to it.
    real = path.resolve()
    return real.with_name(real.name + suffix)
