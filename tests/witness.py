"""A witness inside the database: it writes down every change of state of a job or an operation, whoever makes it.

What each change may be is read from the tables in docs/jobs.md, which is what people read.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "jobs.md"
TABLES = {"job": "embeddings_batchjob", "operation": "embeddings_trackresult"}
HEADINGS = {"Jobs": "job", "Operations": "operation"}
NEW = "(new)"
BOOK = """CREATE TABLE witnessed (
    kind varchar(16) NOT NULL, row_id bigint NOT NULL, was varchar(24) NOT NULL, became varchar(24) NOT NULL)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row was written with a state; `was` and `became` are the same where only other fields changed."""

    kind: str
    row: int
    was: str
    became: str

    @property
    def named(self) -> tuple[str, str, str]:
        """How the documentation names it."""
        return self.kind, self.was, self.became


def documented() -> frozenset[tuple[str, str, str]]:
    """Every change that docs/jobs.md names: of what, from, to."""
    found: set[tuple[str, str, str]] = set()
    kind = ""
    for line in DOCUMENT.read_text().splitlines():
        if heading := re.match(r"## (\w+)", line):
            kind = HEADINGS.get(heading[1], "")
        elif kind and (row := re.match(r"\| (\S+) \| (\w+) \|", line)) and row[1] not in {"from", "---"}:
            found.add((kind, row[1], row[2]))
    return frozenset(found)


def call_witness() -> None:
    """Let it watch from now on; inside a transaction, until its end."""
    with connection.cursor() as cursor:
        cursor.execute(BOOK)
        for kind, table in TABLES.items():
            for statement in _sqlite(kind, table) if connection.vendor == "sqlite" else _postgresql(kind, table):
                cursor.execute(statement)


def witnessed() -> list[Change]:
    """What it has seen, oldest first; it starts anew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, row_id, was, became FROM witnessed")
        found = [Change(kind=kind, row=row, was=was, became=became) for kind, row, was, became in cursor.fetchall()]
        cursor.execute("DELETE FROM witnessed")
    return found


def _sqlite(kind: str, table: str) -> list[str]:
    return [
        f"""CREATE TRIGGER witness_{kind}_{event.split()[0].lower()} AFTER {event} ON {table}
            BEGIN INSERT INTO witnessed VALUES ('{kind}', NEW.id, {was}, NEW.state); END"""
        for event, was in (("INSERT", f"'{NEW}'"), ("UPDATE OF state", "OLD.state"))
    ]


def _postgresql(kind: str, table: str) -> list[str]:
    return [
        statement
        for event, was in (("INSERT", f"'{NEW}'"), ("UPDATE OF state", "OLD.state"))
        for name in [f"witness_{kind}_{event.split()[0].lower()}"]
        for statement in (
            f"""CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO witnessed VALUES ('{kind}', NEW.id, {was}, NEW.state); RETURN NULL; END $$""",
            f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        )
    ]
