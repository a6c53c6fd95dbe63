"""The neural models at work: pace, memory, and how close they come to what the device can do; `python -m bench.models`.

Every model embeds tracks on the product's own path: decoders, the cutter, the pipeline, the embedder. Beside it, in
the same run, stand a large matrix product in the same precision, and the packages window by window on the same music.
Without --checkpoints, weights of the real sizes that mean nothing are written to a temporary folder: speed and memory
do not depend on their values.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from bench.figure import Figure, show
from bench.library.debian import LibraryUnavailable
from bench.neural import gauges
from bench.neural.measured import FOUR_MINUTES, Measured, Ours, figures, together
from bench.neural.music import write_tracks
from bench.neural.naive import time_naive
from bench.neural.product import CORES, DECODERS, count_windows, decode_alone, embed_all, hear
from embeddings.domain import EmbedderSpec, TrackRef, Window
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Runtime
from embeddings.embedders.checkpoints import locate
from embeddings.embedders.neural.device import best_precision, resolve_device, title
from embeddings.errors import EmbedderError

ROOT = Path(__file__).resolve().parent.parent
CPU_SECONDS = {"muq": FOUR_MINUTES, "mert": 60.0, "latent": 60.0}
"""Shorter where a track of four minutes would take minutes and tell no more."""
CPU_WINDOWS = 3
"""Windows that the packages are timed on where each takes many seconds."""
GPU_TRACKS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all models of a run have in common."""

    checkpoints: Path
    library: Path
    device: torch.device
    seconds: float
    """Of a track; 0 leaves it to the model and the device."""
    tracks: int
    naive_windows: int

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on one."""
        return self.device.type == "cuda"

    def seconds_of(self, key: str) -> float:
        """Length of this model's tracks."""
        return self.seconds or (FOUR_MINUTES if self.on_gpu else CPU_SECONDS[key])


def measure(spec: EmbedderSpec, setting: Setting, scratch: Path) -> Measured:
    """Measure one model beside decoding alone, the matrix ceiling and the packages; in a process of its own."""
    torch.set_num_threads(CORES)
    seconds = setting.seconds_of(spec.key)
    refs = write_tracks(setting.library, scratch, seconds=seconds, count=setting.tracks)
    decoded = decode_alone(spec, refs)
    highest = gauges.ceiling(setting.device, best_precision(spec, str(setting.device)))
    ours = measure_ours(spec, setting, refs, decoded.window)
    folder, most = setting.checkpoints / spec.key, setting.naive_windows
    return Measured(
        key=spec.key,
        on_gpu=setting.on_gpu,
        tracks=len(refs),
        seconds_each=seconds,
        windows_each=decoded.windows_each,
        windows_of_four_minutes=count_windows(spec, FOUR_MINUTES),
        decoding=decoded.seconds,
        ceiling=highest,
        ours=ours,
        naive=time_naive(spec, folder, hear(spec, refs[0]), setting.device, most_windows=most),
    )


def measure_ours(spec: EmbedderSpec, setting: Setting, refs: Sequence[TrackRef], window: Window) -> Ours:
    """Load a model and embed all tracks; nothing else is loaded beside it."""
    device = setting.device
    checkpoint = locate(spec, setting.checkpoints / spec.key, digests=Path(refs[0].root) / "digests.json")
    memory = gauges.Memory(device)
    runtime = Runtime(device=str(device), precision=best_precision(spec, str(device)), checkpoint=checkpoint)
    embedder = load_embedder(spec, runtime)
    loading = memory.peak_gb
    print(f"{spec.key}: {embedder.standing}", flush=True)
    # Unmeasured: the first window is also computed in float32, the first batches fill pools of memory.
    embedder.embed_windows([window])
    if setting.on_gpu:
        embed_all(spec, embedder, refs[: 2 * DECODERS], device)
    memory.begin()
    began = time.process_time()
    with gauges.utilisation(device) as samples:
        elapsed = embed_all(spec, embedder, refs, device)
    busy, embedding = (time.process_time() - began) / elapsed, memory.peak_gb
    flop = gauges.flop_of(embedder, window)
    embedder.close()
    return Ours(
        elapsed=elapsed,
        busy=busy,
        utilisation=sum(samples) / len(samples) if samples else None,
        loading_gb=loading,
        embedding_gb=embedding,
        flop_per_window=flop,
    )


def all_figures(keys: Sequence[str], setting: Setting) -> Iterator[Figure]:
    """Measure model after model, and say of each what it was."""
    found = []
    for key in keys:
        # A process has never given back all memory that the model before it took, so each gets a fresh one.
        fresh = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        with tempfile.TemporaryDirectory(prefix="bench-models-") as scratch, fresh:
            found.append(fresh.submit(measure, get_spec(key), setting, Path(scratch)).result())
        yield from figures(found[-1])
    yield together(found, data_centre=gauges.is_data_centre(setting.device))


@contextmanager
def at_hand(checkpoints: Path | None) -> Iterator[Path]:
    """The checkpoints that were given, or ones of the real sizes that are gone afterwards."""
    if checkpoints is not None:
        yield checkpoints
        return
    with tempfile.TemporaryDirectory(prefix="bench-checkpoints-") as folder:
        print(f"Writing random weights of the real sizes, about 4 GB, into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "tests.checkpoints", folder, "--full"], cwd=ROOT, check=True)
        yield Path(folder)


def main() -> int:
    """Print the figures; 1 where a bar is missed, or something is not to be had."""
    given = _arguments()
    try:
        device = torch.device(resolve_device(given.device))
        on_gpu = device.type == "cuda"
        where = title(str(device)) if on_gpu else "cpu, no GPU"
        print(f"{where}, {CORES} cores, torch {torch.__version__}", flush=True)
        with at_hand(given.checkpoints) as checkpoints:
            setting = Setting(
                checkpoints=checkpoints,
                library=given.library.resolve(),
                device=device,
                seconds=given.seconds,
                tracks=given.tracks or (GPU_TRACKS if on_gpu else 1),
                naive_windows=given.naive_windows if given.naive_windows >= 0 else (0 if on_gpu else CPU_WINDOWS),
            )
            return show(all_figures(given.models.split(","), setting))
    except (LibraryUnavailable, EmbedderError) as error:
        print(f"bench models cannot run: {error}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=__doc__)
    parser.add_argument("--library", type=Path, default=ROOT / "sample", help="any folder of music")
    parser.add_argument("--checkpoints", type=Path, help="folder with muq/, mert/ and latent/; random weights without")
    parser.add_argument("--models", default="muq,mert,latent")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--seconds", type=float, default=0.0, help="length of a track; 0: what is bearable here")
    parser.add_argument("--tracks", type=int, default=0, help="how many; 0: one on a CPU, many on a GPU")
    parser.add_argument("--naive-windows", type=int, default=-1, help="to time the packages on; 0 for all of a track")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
