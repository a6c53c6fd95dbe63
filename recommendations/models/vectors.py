"""Matrices of float32 as bytes, little endian, in a row of the database."""

import numpy as np
from numpy.typing import NDArray


def to_bytes(vectors: NDArray[np.floating]) -> bytes:
    """The numbers of a matrix, row by row; its width is kept beside them."""
    return np.ascontiguousarray(vectors, "<f4").tobytes()


def from_bytes(kept: bytes | memoryview, dimension: int) -> NDArray[np.float32]:
    """[n, dimension] of what `to_bytes` made.

    Raises:
        ValueError: they are not whole rows of so many numbers.

    """
    return np.frombuffer(kept, "<f4").astype(np.float32).reshape(-1, dimension)
