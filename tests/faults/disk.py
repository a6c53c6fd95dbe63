"""Faults of the database's disk: it fills up, or somebody holds the database for longer than writers wait."""

import os
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from django.conf import settings
from django.db import connection

from tests.faults.stage import Aftermath, Stage
from tests.services import until

FULL = ("database or disk is full", "disk I/O error")
LOCKED_SECONDS = 24.0
"""Longer than SQLite's writers wait (20 s)."""


def fill_disk(stage: Stage, chance: Random) -> Aftermath:
    """No byte is left beside the database until somebody has noticed; then there is room again."""
    job = stage.start_job()
    stage.some_moment(job, chance, last=0.5)
    lengths = stage.log_lengths()
    with _full(stage):
        until(lambda: any(stage.said_in_logs(words, lengths) for words in FULL))
    return Aftermath(job=job)


def lock_database(stage: Stage, chance: Random) -> Aftermath:
    """Somebody holds the database's write lock for longer than anybody waits."""
    job = stage.start_job()
    stage.some_moment(job, chance, last=0.5)
    holder = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=30, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    free = time.monotonic() + LOCKED_SECONDS
    until(lambda: time.monotonic() > free)
    holder.execute("ROLLBACK")
    holder.close()
    return Aftermath(job=job)


@contextmanager
def _full(stage: Stage) -> Iterator[None]:
    """A full disk where the database has one of its own; else files that the kernel lets no worker make longer."""
    place = Path(settings.DATABASES["default"]["NAME"]).parent
    if not os.path.ismount(place):
        with _short_files(stage):
            yield
        return
    ballast = place / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, connection.cursor() as cursor:
            # The write-ahead log would else go on in the room that it has taken already.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _write_until_full(file.fileno())
        yield
    finally:
        ballast.unlink()


def _write_until_full(file: int) -> None:
    for size in (65_536, 512):
        with suppress(OSError):
            while True:
                os.write(file, b"\0" * size)


@contextmanager
def _short_files(stage: Stage) -> Iterator[None]:
    workers = stage.pids("manage.py work")
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
