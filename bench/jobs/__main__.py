"""The engine's own costs: `python -m bench.jobs [--tracks N] [--only sqlite|postgresql]`, on databases of its own.

Each database is measured in a program of its own, with a tenth and thirtieth of the tracks first: the growth is told
as the exponent of the size. PostgreSQL is left out, and said to be, where it is not installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import Cluster, programs

TRACKS = 100_000
"""Three operations each."""


def main() -> int:
    """Print every figure; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS, help="the small library has a thirtieth")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database instead of both")
    given = parser.parse_args()
    code = 0
    if given.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            code = _measure({"VAR_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/jobs.sqlite3"}, given.tracks)
    if given.only != "sqlite":
        if programs() is None:
            print("postgresql: not installed here, nothing measured", flush=True)
            return max(code, given.only is not None)
        with _postgresql() as environment:
            code = max(code, _measure(environment, given.tracks))
    return code


@contextmanager
def _postgresql() -> Iterator[Mapping[str, str]]:
    """A server that keeps its promises, unlike that of tests: every commit is flushed to the disk."""
    with tempfile.TemporaryDirectory() as folder, Cluster(durable=True) as cluster:
        yield {"VAR_DIR": folder, "DATABASE_URL": cluster.url()}


def _measure(environment: Mapping[str, str], tracks: int) -> int:
    command = [sys.executable, "-m", "bench.jobs.growth", "--tracks", str(tracks)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(command, env=os.environ | environment, cwd=root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
