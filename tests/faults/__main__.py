"""`python -m tests.faults`: do every fault to a running site, some rounds of it, and print what was lost or doubled."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django

from tests.faults.volume import small_disk

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


def main() -> int:
    """Try them all; 0 when nothing was lost or doubled."""
    chosen = _arguments()
    # What is mounted and started is taken away also when somebody is impatient.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="embedder-faults-"))
    with ExitStack() as stack:
        mounted = stack.enter_context(small_disk(folder / "disk"))
        settings = _settings(folder, chosen)
        os.environ.update(settings, VAR_DIR=str(folder / "var"), DJANGO_SETTINGS_MODULE="embedder_site.settings")
        os.environ.update(REDIS_URL="", MILVUS_URI="", NAVIDROME_DB="")
        django.setup()

        # Django has to know its settings before its models can be imported.
        from tests.faults.report import Show

        code = Show(folder, settings, chosen, mounted=mounted).run(stack)
    if code:
        print(f"Logs: {folder / 'var' / 'log'}")  # noqa: T201
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault is tried (3)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed chooses the same moments (7)")
    parser.add_argument("--faults", default="", help="comma-separated names; all of them when left out")
    parser.add_argument("--copies", type=int, default=2, help="how often the sample library is copied (2)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", default="acoustic", help="comma-separated; neural ones with tiny random weights")
    parser.add_argument("--database", default="", help="an address as DATABASE_URL takes it; else SQLite")
    parser.add_argument("--json", default="", help="also write what was found into this file")
    return parser.parse_args()


def _settings(folder: Path, chosen: argparse.Namespace) -> dict[str, str]:
    """What the site under test is told."""
    settings = {
        "MUSIC": str(copy_sample(folder / "music", chosen.copies)),
        "DATABASE_URL": chosen.database or f"sqlite:///{folder / 'disk' / 'db.sqlite3'}",
        "MODELS": chosen.models,
        "AUDIO_DECODERS": "1",
    }
    if chosen.models == "acoustic":
        return settings
    subprocess.run([sys.executable, "-m", "tests.checkpoints", str(folder / "checkpoints")], check=True)
    return settings | {
        f"{key.upper()}_CHECKPOINT": str(folder / "checkpoints" / key) for key in ("muq", "mert", "latent")
    }


def copy_sample(folder: Path, copies: int) -> Path:
    """The sample library so many times, each file with an inode of its own."""
    for number in range(copies):
        shutil.copytree(SAMPLE, folder / f"copy {number + 1}", ignore=shutil.ignore_patterns("*.md"))
    return folder


if __name__ == "__main__":
    sys.exit(main())
