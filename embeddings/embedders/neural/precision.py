"""Precision: how matrix products are computed, set for as long as a model computes and put back after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from embeddings.domain import Precision, Samples

SOUND = 1e-3
"""RMS above which a window tells something of a precision: -60 dBFS."""


@contextmanager
def computing_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute without gradients in a precision, deterministically; torch's switches are as before afterwards.

    Weights stay float32 in all three. `bfloat16` is autocast, which keeps norms and sums in float32.
    """
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    before = cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    cuda.matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    # The benchmark picks convolutions by a race: two runs of one track may differ, and each new shape races again.
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before


def likeness(ours: torch.Tensor, exact: torch.Tensor) -> float:
    """Cosine of two features of any one shape, taken in float64; waits for the device."""
    return torch.nn.functional.cosine_similarity(ours.flatten().double(), exact.flatten().double(), dim=0).item()


def sounds(samples: Samples) -> bool:
    """Whether there is anything in [n] or [n, 2] samples that a precision could get wrong; constants are nothing."""
    return bool((samples.std(axis=0) > SOUND).any())
