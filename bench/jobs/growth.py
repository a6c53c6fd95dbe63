"""Measures the configured database at two sizes and says how each figure grows; `bench.jobs` starts it."""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from django.db import connection

import bench.alone  # noqa: F401 - before anything that needs Django
from bench.figure import Figure, show
from bench.jobs.measured import Measured, measure
from bench.jobs.shelf import Shelf
from bench.sync import own_database
from tests.checkpoints import write_checkpoints

SMALL = 30
"""The small library has so much less."""


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs.growth", description=__doc__)
    parser.add_argument("--tracks", type=int, required=True)
    tracks = parser.parse_args().tracks
    with tempfile.TemporaryDirectory() as folder:
        # One of the packages prints what it does.
        with redirect_stdout(StringIO()):
            checkpoints = write_checkpoints(Path(folder))
        small, large = (_measured_apart(size, checkpoints) for size in (max(1, tracks // SMALL), tracks))
    return show(figures(connection.vendor, small, large))


def _measured_apart(tracks: int, checkpoints: Mapping[str, Path]) -> Measured:
    """Measure one size in a database of its own."""
    with tempfile.TemporaryDirectory() as folder, own_database(Path(folder) / "jobs.sqlite3"):
        return measure(Shelf(Path(folder), tracks, checkpoints))


def figures(database: str, small: Measured, large: Measured) -> Iterator[Figure]:
    """Every figure of the large size with its bar, then how it grew from the small one."""
    text = f"{database}, {large.operations} operations:"
    rate, floor = (large.operations / large.least(name) for name in ("planning", "plain rows"))
    yield Figure(name=f"{text} planning", value=rate, unit="rows/s", bar=5000)
    yield Figure(name=f"{text} planning / bulk_create", value=floor / rate, unit="x", bar=2, at_most=True)
    plain = large.per_operation("plain turns")
    for name in ("first slices", "last slices"):
        each = large.per_operation(name)
        yield Figure(name=f"{text} {name}, claim and settle", value=each, unit="ms/operation", bar=1, at_most=True)
        yield Figure(name=f"{text} {name} / plain updates", value=each / plain, unit="x", bar=4, at_most=True)
        choosing = 1000 * large.share(f"{name}, choosing", 50)
        yield Figure(name=f"{text} {name}, choosing a model p50", value=choosing, unit="ms", bar=20, at_most=True)
    for share, most in ((50, 200), (95, 300)):
        progress = 1000 * large.share("progress", share)
        yield Figure(name=f"{text} progress p{share}", value=progress, unit="ms", bar=most, at_most=True)
    yield Figure(name=f"{text} finishing", value=large.least("finishing"), unit="s", bar=10, at_most=True)
    for name, most in (("unchanged sync", 5), ("one new album", 10)):
        yield Figure(name=f"{text} {name}", value=large.least(name), unit="s", bar=most, at_most=True)
    yield from _growth(f"{database}, {small.operations} to {large.operations}:", small, large)


def _growth(text: str, small: Measured, large: Measured) -> Iterator[Figure]:
    """Exponents: 0 is the same at any size, 1 is twice the time for twice the size."""
    whole = ("planning", "progress", "finishing", "unchanged sync", "one new album")
    for name, most in [*((name, 1.1) for name in whole), ("first slices", 0.15), ("last slices", 0.15)]:
        factor = large.share(name, 50) / small.share(name, 50)
        exponent = math.log(factor) / math.log(large.operations / small.operations)
        yield Figure(name=f"{text} growth of {name}", value=exponent, unit="", bar=most, at_most=True)


if __name__ == "__main__":
    sys.exit(main())
