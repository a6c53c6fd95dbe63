"""The whole job against its parts alone, in one run on real music; `python -m bench.pipeline [--library FOLDER]`.

Decoding alone and the model alone each run on one core. The whole job is what a user starts: the
supervisor with its queue, vector store and worker, on every core.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, show
from bench.library.build import build
from bench.library.debian import LibraryUnavailable
from embeddings.audio.decoders import Decoder
from embeddings.audio.windows import audible, cut_sliding
from embeddings.domain import Window
from embeddings.embedders import get_spec, load_embedder
from embeddings.errors import TrackError
from embeddings.library.folder import FolderSource

ROOT = Path(__file__).resolve().parent.parent
SPEC = get_spec("acoustic")


@dataclass(slots=True)
class Parts:
    """Seconds that the parts took, one after the other, and the music they worked on."""

    tracks: int = 0
    audio: float = 0.0
    decode: float = 0.0
    embed: float = 0.0


def measure_parts(library: Path) -> Parts:
    """Decode every file by one child, then embed its windows; nothing runs beside."""
    parts, embedder = Parts(), load_embedder(SPEC)
    with Decoder(max_seconds=6 * 3600, stall_seconds=60, memory_mb=1024) as decoder:
        for path in [track.path for track in FolderSource(library).listings({})[0].tracks]:
            try:
                windows, seconds = decoded_windows(decoder, library, path, parts)
            except TrackError as error:
                print(f"left out: {path}: {error}", file=sys.stderr)
                continue
            began = time.perf_counter()
            rows = [
                row
                for at in range(0, len(windows), SPEC.batch_windows)
                for row in embedder.embed_windows(windows[at : at + SPEC.batch_windows])
            ]
            embedder.pool([window.span for window in windows], rows)
            parts.embed += time.perf_counter() - began
            parts.tracks += 1
            parts.audio += seconds
    return parts


def decoded_windows(decoder: Decoder, library: Path, path: str, parts: Parts) -> tuple[list[Window], float]:
    """A file's audible windows and its length; the time goes to `parts.decode`."""
    began = time.perf_counter()
    try:
        with decoder.decode(str(library), path, rate=SPEC.sample_rate, channels=SPEC.channels) as decoding:
            windows = [window for window in cut_sliding(decoding, SPEC) if audible(window)]
        return windows, decoding.summary.seconds
    finally:
        parts.decode += time.perf_counter() - began


def measure_job(library: Path) -> dict[str, float]:
    """Run the product on the library in an empty folder of its own; what its job says of itself."""
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as var:
        # The parts are measured on one core; the product as people run it.
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        environment |= {"VAR_DIR": var, "MUSIC": str(library), "MODELS": SPEC.key}
        manage = [sys.executable, str(ROOT / "manage.py")]
        subprocess.run([*manage, "up", "--once"], env=environment, check=True)
        shown = subprocess.run(
            [*manage, "reembed", "status", "--json"], env=environment, check=True, capture_output=True
        )
    job = json.loads(shown.stdout)
    return {"seconds": job["elapsed_seconds"], "done": job["operations"]["done"], "failed": job["operations"]["failed"]}


def figures(parts: Parts, job: dict[str, float]) -> Iterator[Figure]:
    """The parts, the whole, and how close the whole is to the slowest part and to what the cores allow."""
    cores = len(os.sched_getaffinity(0))
    slowest, floor = max(parts.decode, parts.embed), (parts.decode + parts.embed) / cores
    yield Figure(name="tracks", value=parts.tracks)
    yield Figure(name="music", value=parts.audio / 3600, unit="h")
    yield Figure(name="decoding alone, one core", value=parts.decode, unit="s")
    yield Figure(name="model alone, one core", value=parts.embed, unit="s")
    yield Figure(name=f"whole job, {cores} cores", value=job["seconds"], unit="s")
    yield Figure(name="tracks that the job settled", value=job["done"] + job["failed"], bar=parts.tracks)
    yield Figure(name="whole / slowest part alone", value=job["seconds"] / slowest, unit="x", bar=1.25, at_most=True)
    yield Figure(name=f"whole / (decoding + model) / {cores} cores", value=job["seconds"] / floor, unit="x")
    yield Figure(name="pace", value=3600 * job["done"] / job["seconds"], unit="tracks/hour")
    yield Figure(name="pace, music", value=parts.audio / job["seconds"], unit="x real time")


def main() -> int:
    """Print the figures; 1 where a bar is missed or the library cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, help="any folder of music; by default the evaluation's is built")
    library = parser.parse_args().library
    try:
        if library is None:
            library = ROOT / "var/bench/library"
            build(library, ROOT / "var/bench/packages")
    except LibraryUnavailable as error:
        print(f"bench pipeline cannot run: {error}", file=sys.stderr)
        return 1
    return show(figures(measure_parts(library.resolve()), measure_job(library.resolve())))


if __name__ == "__main__":
    sys.exit(main())
