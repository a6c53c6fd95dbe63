"""The packages as they come, one window after the other, with their own defaults: what the product has to beat."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.neural.gauges import synchronise
from bench.neural.measured import Naive
from embeddings.domain import EmbedderSpec, Samples
from embeddings.embedders.music2latent import NUMPY_NUMBERS
from tests.reference import latent, mert, muq
from tests.reference.folding import window_starts

Hear = Callable[[Samples], object]
"""A package's call for one window, [n] or [n, 2]."""

WINDOWS = {"muq": (muq.WINDOW, muq.HOP), "mert": (mert.WINDOW, mert.HOP)}
"""Seconds of a window and of a hop; what is not here takes a track whole, and cuts it by itself."""
WARM_SECONDS = 10


def time_naive(spec: EmbedderSpec, folder: Path, samples: Samples, device: torch.device, *, most_windows: int) -> Naive:
    """Time the packages on a decoded track.

    Args:
        spec: the model.
        folder: its checkpoint.
        samples: the track at the model's rate.
        device: where to compute.
        most_windows: windows to time at most, the others taking as long as they do; 0 for all.

    """
    hear, windows = _load(spec.key, folder, device), _windows(spec, samples)
    timed = windows[: most_windows or None]
    with torch.inference_mode():
        hear(samples[: WARM_SECONDS * spec.sample_rate])
        synchronise(device)
        began, before = time.perf_counter(), time.process_time()
        for window in timed:
            hear(window)
            synchronise(device)
        seconds, worked = time.perf_counter() - began, time.process_time() - before
    whole = seconds * len(windows) / len(timed)
    return Naive(elapsed=whole, busy=worked / seconds, calls=len(windows), timed=len(timed))


def _windows(spec: EmbedderSpec, samples: Samples) -> list[Samples]:
    if spec.key not in WINDOWS:
        return [samples]
    size, hop = (seconds * spec.sample_rate for seconds in WINDOWS[spec.key])
    return [samples[start : start + size] for start in window_starts(len(samples), size, hop)]


def _load(key: str, folder: Path, device: torch.device) -> Hear:
    loaders: dict[str, Callable[[Path, torch.device], Hear]] = {
        "muq": _load_muq,
        "mert": _load_mert,
        "latent": _load_latent,
    }
    return loaders[key](folder, device)


def _load_muq(folder: Path, device: torch.device) -> Hear:
    model = muq.load_model(folder).to(device)
    return lambda window: model(wavs=torch.from_numpy(window)[None].to(device))


def _load_mert(folder: Path, device: torch.device) -> Hear:
    model, processor = mert.load_model(folder)
    model.to(device)
    return lambda window: mert.hear_window(model, processor, window)


def _load_latent(folder: Path, device: torch.device) -> Hear:
    numbers: list[Any] = list(NUMPY_NUMBERS)
    with torch.serialization.safe_globals(numbers):
        codec = latent.load_codec(folder)
    codec.device = device
    return lambda window: codec.encode(window.T.copy(), max_waveform_length=latent.CHUNK)
