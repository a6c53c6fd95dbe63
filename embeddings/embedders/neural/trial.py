"""A second of noise right after loading, and whose fault it is when a checkpoint cannot be built or computed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from embeddings.domain import EmbedderSpec, Window
from embeddings.embedders import load_cutter
from embeddings.embedders.base import Checkpoint
from embeddings.embedders.neural.device import device_failed, ran_out_of_memory
from embeddings.errors import CheckpointRefused, VectorInvalid, WorkerUnfit

LEVEL = 0.1
"""Of the noise: about -20 dBFS."""

LEAST = 1e-5
"""Features have numbers above it; what makes all of them smaller says nothing, like a magnitude's least power."""

FAULTS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, MemoryError, RuntimeError, TypeError,
    ValueError, VectorInvalid,
)  # fmt: skip
"""What packages raise when a configuration asks for what they cannot build or compute."""


@contextmanager
def blaming(source: Path, fault: str) -> Iterator[None]:
    """Blame a file of a checkpoint for what breaks inside, unless it is the machine's fault.

    Args:
        source: the file that says what is built and computed.
        fault: what is wrong with it when that breaks: `describes no network that can be built`.

    Raises:
        CheckpointRefused: it broke.
        WorkerUnfit: memory ran out.

    """
    try:
        yield
    except FAULTS as error:
        if ran_out_of_memory(error):
            raise WorkerUnfit(f"What {source} describes does not fit into the memory there is ({error}).") from error
        if device_failed(error):
            raise
        raise CheckpointRefused(
            f"{source} {fault} ({type(error).__name__}: {error}). Is it another model's checkpoint?"
        ) from error


def configuration_of(checkpoint: Checkpoint) -> Path:
    """What to name when a model cannot compute: its config.json, or its folder where it has none."""
    folder = checkpoint.folders[""]
    config = folder / "config.json"
    return config if config.is_file() else folder


def noise_for(spec: EmbedderSpec) -> Sequence[Window]:
    """One short window of the same noise every time, cut as the model's tracks are."""
    shape = round(spec.min_seconds * spec.sample_rate), spec.channels
    samples = (LEVEL * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    return list(load_cutter(spec)([samples if spec.channels == 2 else samples[:, 0]], spec))[:1]


def require_sound(features: Sequence[torch.Tensor], source: Path) -> None:
    """Make sure that noise became numbers.

    Raises:
        CheckpointRefused: not all of them are finite, or all are as good as zero.

    """
    found = torch.cat([feature.flatten() for feature in features])
    if not found.isfinite().all() or not found.abs().max() > LEAST:
        raise CheckpointRefused(
            f"{source} describes a model that makes of noise numbers that are not finite, or nothing but zeros. "
            "Is it another model's checkpoint?"
        )
