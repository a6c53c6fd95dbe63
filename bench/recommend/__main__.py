"""How long an answer takes: `python -m bench.recommend [--tracks N ...] [--keep FOLDER]`, on services of its own.

Building a library of 100,000 tracks takes half an hour; with --keep it is built once. Each size is measured in a
program of its own. The growth is told as the exponent of the size: 0 for none, 1 for in step with it.
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.figure import Figure, show
from tests.services import LiteServer

SIZES = (10_000, 100_000)
REPEATS = 20


def main() -> int:
    """Print every figure; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.recommend", description=__doc__)
    parser.add_argument("--tracks", type=int, nargs="+", default=SIZES, help="sizes of libraries")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="requests of each kind")
    parser.add_argument("--keep", type=Path, help="folder where libraries stay for the next time")
    given = parser.parse_args()
    code, medians = 0, {}
    with tempfile.TemporaryDirectory() as passing:
        for tracks in sorted(given.tracks):
            folder = (given.keep or Path(passing)).resolve() / str(tracks)
            folder.mkdir(parents=True, exist_ok=True)
            code = max(code, _measure(folder, tracks, given.repeats))
            medians[tracks] = json.loads((folder / "medians.json").read_text())
    return max(code, show(growth(medians)))


def growth(medians: Mapping[int, Mapping[str, float]]) -> Iterator[Figure]:
    """Exponent of the size, from each size to the next."""
    for less, more in itertools.pairwise(sorted(medians)):
        for name, before in medians[less].items():
            exponent = math.log(medians[more][name] / before) / math.log(more / less)
            yield Figure(name=f"{name}: growth from {less} to {more} tracks", value=exponent)


def _measure(folder: Path, tracks: int, repeats: int) -> int:
    # A store that is served walks its graphs with every core.
    os.environ.pop("OMP_NUM_THREADS", None)
    server = LiteServer(folder).start()
    surroundings = os.environ | {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}",
        "MILVUS_URI": server.uri,
        "MILVUS_TIMEOUT_SECONDS": "600",
        # Nobody listens: every text that is asked was read before.
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "NAVIDROME_DB": "",
        "LOG_LEVEL": "ERROR",
    }
    root = Path(__file__).resolve().parents[2]
    try:
        for command in (["shelf", str(tracks)], ["measure", str(tracks), str(repeats), str(folder / "medians.json")]):
            module = [sys.executable, "-m", f"bench.recommend.{command[0]}", *command[1:]]
            code = subprocess.run(module, env=surroundings, cwd=root, check=False).returncode
            if command[0] == "shelf" and code:
                raise SystemExit(code)
    finally:
        server.end()
    return code


if __name__ == "__main__":
    sys.exit(main())
