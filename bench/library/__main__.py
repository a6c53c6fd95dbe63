"""`python -m bench.library FOLDER [--small] [--cache FOLDER]`: builds the music library of the measurements."""

import argparse
import logging
import sys
from pathlib import Path

from bench.library.build import build
from bench.library.debian import LibraryUnavailable


def main() -> int:
    """Build, or say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path)
    parser.add_argument("--small", action="store_true", help="40 tracks, 50 MB of packages instead of 178 and 1.4 GB")
    parser.add_argument("--cache", type=Path, default=Path("var/bench/packages"), help="where the packages are kept")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        tracks = build(arguments.library, arguments.cache.resolve(), small=arguments.small)
    except LibraryUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    hours = sum(track["duration"] for track in tracks) / 3600
    print(f"{len(tracks)} tracks, {hours:.2f} h in {arguments.library}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
