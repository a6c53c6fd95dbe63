"""A migration while searches run: `python -m bench.migration [--library FOLDER] [--rate N]`, on services of its own."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services import LiteServer

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


def main() -> int:
    """Start what is needed in a folder that goes away, and measure; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.migration", description=__doc__)
    parser.add_argument("--library", default=str(SAMPLE), help="a folder of music; the sample unless named")
    parser.add_argument("--rate", type=float, default=20.0, help="searches per second")
    parser.add_argument("--quiet", type=float, default=20.0, help="seconds of searches before the migration")
    parser.add_argument("--nice", type=int, default=10, help="how far the worker steps back for others, 0 to 19")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = LiteServer(folder).start()
        surroundings = os.environ | {
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}",
            "MILVUS_URI": server.uri,
            # Nobody listens: whoever measures takes the turns, and messages are only knocks.
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "MUSIC": str(Path(given.library).resolve()),
            "NAVIDROME_DB": "",
            "LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        }
        command = [sys.executable, "-m", "bench.migration.measure"]
        command += [str(given.rate), str(given.quiet), str(given.nice)]
        code = subprocess.run(command, env=surroundings, check=False).returncode
        server.end()
    return code


if __name__ == "__main__":
    sys.exit(main())
