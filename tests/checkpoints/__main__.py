"""`python -m tests.checkpoints FOLDER [--full]`."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from tests.checkpoints import write_checkpoints


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.checkpoints", description="Write checkpoints with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--full", action="store_true", help="the real sizes, about 4 GB, in place of a few megabytes")
    options = parser.parse_args()
    for key, folder in write_checkpoints(options.folder, full=options.full).items():
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        sys.stdout.write(f"{key.upper()}_CHECKPOINT={folder} ({size / 1e6:.1f} MB)\n")


main()
