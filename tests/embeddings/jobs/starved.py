"""MERT on a device that has no memory left for one track, which the track's sound gives away."""

import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from embeddings.domain import Window
from embeddings.embedders import get_spec
from embeddings.embedders.mert import MertEmbedder

LEVEL = 0.75
"""Every sample of the track, or its negative: a square wave."""

STARVED = replace(
    get_spec("mert"),
    loader="tests.embeddings.jobs.starved:StarvedMert",
    # As of a device that takes several windows at once, so that there are batches to halve.
    window_megabytes=100.0,
)


class StarvedMert(MertEmbedder):
    """Runs out of memory whenever a window of that track is in its batch."""

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        """Raise what a GPU would, or compute."""
        if any((np.abs(window.samples) == LEVEL).all() for window in windows):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().compute(samples, windows)


def write_square_wave(path: Path, *, seconds: int) -> None:
    """Write the track, at the model's own rate: nothing is resampled on its way."""
    half_period = 100
    level = np.where(np.arange(seconds * STARVED.sample_rate) // half_period % 2, -LEVEL, LEVEL)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(STARVED.sample_rate)
        file.writeframes((level * 2**15).astype("<i2").tobytes())
