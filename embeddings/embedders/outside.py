"""Vectors that callers bring, in the form that the store compares; numpy only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders.projection import project
from embeddings.errors import Refused


def stored_form(spec: EmbedderSpec, vectors: Sequence[ArrayLike]) -> NDArray[np.float32]:
    """Bring vectors to the length that the store holds, and to unit length.

    Args:
        spec: the model that they are said to come from.
        vectors: each with as many numbers as the store holds, or `spec.outside_dimension` where the
            store holds a projection of them; both kinds may stand side by side. Of any norm.

    Returns:
        [n, spec.dimension] float32, in order.

    Raises:
        Refused: one of them has another number of numbers, holds something else than finite numbers,
            or is all zero.

    """
    stored = np.empty((len(vectors), spec.dimension), np.float32)
    for number, (row, given) in enumerate(zip(stored, vectors, strict=True), start=1):
        unit = _unit(spec, given, number)
        row[:] = unit if len(unit) == spec.dimension else project(unit, spec.dimension)
        if not row.any():
            raise _refused(spec, number, "cancels itself out when it is projected")
    return stored


def _unit(spec: EmbedderSpec, given: ArrayLike, number: int) -> Vector:
    try:
        plain = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        raise _refused(spec, number, "is no list of numbers") from None
    # Words, truths and dates would become numbers, too.
    if plain.ndim != 1 or plain.dtype.kind not in "fiu":
        raise _refused(spec, number, "is no list of numbers")
    vector = plain.astype(np.float64)
    if len(vector) not in (spec.dimension, spec.outside_dimension or spec.dimension):
        lengths = f"{spec.dimension}" + (f" or {spec.outside_dimension}" if spec.outside_dimension else "")
        raise _refused(spec, number, f"has {len(vector)} numbers instead of {lengths}")
    if not np.isfinite(vector).all():
        raise _refused(spec, number, "holds a number that is not finite")
    largest = np.abs(vector).max()
    if largest == 0:
        raise _refused(spec, number, "is all zero")
    # By the largest first: squares of very large or small numbers leave float64.
    vector = vector / largest
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _refused(spec: EmbedderSpec, number: int, why: str) -> Refused:
    return Refused(f"Vector {number} for {spec.key} {why}.", code="vector_refused")
