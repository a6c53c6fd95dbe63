"""Pooling over time: the level, the spread and the trend of each feature of a track."""

import numpy as np
import torch

from embeddings.domain import Vector
from embeddings.errors import VectorInvalid

NORMAL_IQR = 1.3489795003921634
"""Interquartile range of a normal distribution of unit variance."""
CHUNK_ELEMENTS = 1 << 22
"""Features times windows that are sorted at once; a sort takes four times the memory of what it sorts."""


def enrich(x: torch.Tensor) -> torch.Tensor:
    """Fold a track's windows into one vector: mean, robust standard deviation, mean first difference.

    The three blocks share one L2 norm, so the mean dominates the cosine between two tracks. A single
    window has no spread and no trend: those blocks are zero. Memory is bounded at any length.

    Args:
        x: [D, T], D features of T >= 1 windows in time order, on any device.

    Returns:
        [3 * D] float32 on the same device, of unit length; not finite where `x` is not.

    """
    rows = max(1, CHUNK_ELEMENTS // x.shape[1])
    chunks = (x[start : start + rows].to(torch.float32) for start in range(0, len(x), rows))
    vector = torch.cat([_blocks(chunk) for chunk in chunks], dim=1).flatten()
    return torch.nn.functional.normalize(vector, dim=0)


def to_vector(x: torch.Tensor) -> Vector:
    """Bring a vector from its device to the host; waits until it is computed.

    Raises:
        VectorInvalid: it is not finite, or all zero.

    """
    vector: Vector = x.detach().to("cpu", torch.float32).numpy().copy()
    if not np.isfinite(vector).all():
        raise VectorInvalid("The model gave numbers that are not finite for this track.")
    if not vector.any():
        raise VectorInvalid("The model gave nothing but zeros for this track.")
    return vector


def _blocks(x: torch.Tensor) -> torch.Tensor:
    """[3, D] of [D, T]."""
    windows = x.shape[1]
    ordered = x.sort(dim=1).values
    spread = (_quantile(ordered, 0.75) - _quantile(ordered, 0.25)) / NORMAL_IQR
    # The mean of first differences telescopes: all that lies between the first and the last window cancels out.
    trend = (x[:, -1] - x[:, 0]) / max(1, windows - 1)
    return torch.stack([x.mean(dim=1), spread, trend])


def _quantile(ordered: torch.Tensor, q: float) -> torch.Tensor:
    """[D] of [D, T] ascending, interpolated linearly as `torch.quantile` does, which stops at 2^24 elements."""
    position = q * (ordered.shape[1] - 1)
    below = int(position)
    above = min(below + 1, ordered.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], position - below)
