"""Gauges: memory, how busy a GPU is, what a window costs, and what matrix products the device can do."""

import importlib.util
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from embeddings.domain import Precision, Window
from embeddings.embedders.base import Embedder
from embeddings.embedders.neural.precision import computing_in

DATA_CENTRE_GB = 70
SAMPLE_SECONDS = 0.25
ROUNDS = 8


def synchronise(device: torch.device) -> None:
    """Wait until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def is_data_centre(device: torch.device) -> bool:
    """Tell a GPU of a data centre by its memory."""
    return device.type == "cuda" and torch.cuda.get_device_properties(device).total_memory / 1e9 >= DATA_CENTRE_GB


class Memory:
    """The most memory taken at one moment: tensors on a GPU; on a CPU what this program has grown by."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = 0.0 if device.type == "cuda" else _status("VmRSS")
        self.begin()

    def begin(self) -> None:
        """Forget the peak so far."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            # Linux forgets the peak of a program that asks it to; Documentation/filesystems/proc.rst.
            Path("/proc/self/clear_refs").write_text("5")

    @property
    def peak_gb(self) -> float:
        """Since `begin`, beyond what there was when this gauge was made."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e9
        return _status("VmHWM") - self._before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e9


def flop_of(embedder: Embedder, window: Window) -> int:
    """Operations of one window's matrix products and convolutions, counted while they are done.

    The embedder has computed before: in a lesser precision, its first window is also computed in float32.
    """
    # As plain products, because not every fused attention is known to the counter.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        embedder.embed_windows([window])
    return int(counter.get_total_flops())


def ceiling(device: torch.device, precision: Precision) -> float:
    """FLOP/s of the largest product of matrices that fits anywhere, the best of some rounds."""
    size, repeats = (8192, 10) if device.type == "cuda" else (4096, 1)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    matrix, out = (torch.ones(size, size, device=device, dtype=kind).normal_() for _ in range(2))
    best = float("inf")
    with computing_in(precision, device):
        for _ in range(ROUNDS):
            synchronise(device)
            began = time.perf_counter()
            for _ in range(repeats):
                torch.mm(matrix, matrix, out=out)
            synchronise(device)
            best = min(best, (time.perf_counter() - began) / repeats)
    return 2.0 * size**3 / best


@contextmanager
def utilisation(device: torch.device) -> Iterator[list[float]]:
    """Collect samples, in percent, of how busy a GPU is; there are none on a CPU, or where nothing tells."""
    samples: list[float] = []
    if device.type != "cuda":
        yield samples
    elif importlib.util.find_spec("pynvml"):
        with _asked_often(device, samples):
            yield samples
    elif shutil.which("nvidia-smi"):
        with _told_every_second(device, samples):
            yield samples
    else:
        yield samples


@contextmanager
def _asked_often(device: torch.device, samples: list[float]) -> Iterator[None]:
    over = threading.Event()

    def ask() -> None:
        while not over.wait(SAMPLE_SECONDS):
            samples.append(float(torch.cuda.utilization(device)))

    thread = threading.Thread(target=ask, name="utilisation", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _told_every_second(device: torch.device, samples: list[float]) -> Iterator[None]:
    # By its UUID: the driver's numbers are not those of CUDA_VISIBLE_DEVICES.
    which = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    ask = ["nvidia-smi", "-i", which, "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
    with subprocess.Popen([*ask, "-l", "1"], stdout=subprocess.PIPE, text=True) as told:
        try:
            yield
        finally:
            told.terminate()
            lines, _ = told.communicate()
            samples += percents(lines)


def percents(lines: str) -> list[float]:
    """First column of what nvidia-smi writes; `[N/A]` and the line that it was ended in are left out."""
    firsts = [line.split(",")[0].strip() for line in lines.splitlines() if "," in line]
    return [float(first) for first in firsts if first.isdecimal()]
