"""How long a scrape asks the database, whose own patience is meant for work and lasts longer than a scraper's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction

STEPS = 10_000
"""Instructions of SQLite between two looks at the clock; some tenths of a millisecond."""


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Ask the database for so long in all; a statement that has begun may take as long again on PostgreSQL.

    A server that accepts and then says nothing at all is not noticed here.

    Args:
        seconds: how long.

    Raises:
        OperationalError: it took longer, or the database is away.

    """
    deadline = time.monotonic() + seconds

    def is_over() -> bool:
        return time.monotonic() > deadline

    def ask(execute: Callable[..., Any], *statement: Any) -> Any:
        if is_over():
            raise OperationalError(f"The database took longer than {seconds:g} s.")
        return execute(*statement)

    connection.ensure_connection()
    limit = _postgresql(seconds) if connection.vendor == "postgresql" else _sqlite(is_over)
    with connection.execute_wrapper(ask), limit:
        yield


@contextmanager
def _postgresql(seconds: float) -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        yield


@contextmanager
def _sqlite(is_over: Callable[[], bool]) -> Iterator[None]:
    # Not in a transaction, which would wait for the write lock: a reader alone waits for nobody.
    opened: Any = connection.connection
    opened.set_progress_handler(is_over, STEPS)
    try:
        yield
    finally:
        opened.set_progress_handler(None, STEPS)
