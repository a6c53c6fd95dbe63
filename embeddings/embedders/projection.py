"""A fixed projection for vectors that are too long for a vector store; numpy only."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

TERMS = 4
"""How many outputs each input is added to, or subtracted from."""

_SEED = np.uint64(0x6D657274_00000001)
"""Names this projection; another seed, like any other change of the tables, is a new `EmbedderSpec.version`."""

_SHUFFLE, _SIGN = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Which inputs each output is the signed sum of; read-only.

    Every output reads equally many inputs, so projecting is one gather and one sum: nothing is
    scattered, and on a GPU no order of addition is left to chance.
    """

    inputs: NDArray[np.int64]
    """[fan, dimension] positions in the long vector."""
    signs: NDArray[np.float32]
    """[fan, dimension] 1 or -1, and 0 where an output has one input less than others."""


@lru_cache(maxsize=4)
def tables(length: int, dimension: int) -> Tables:
    """The tables for long vectors of one length; a fixed function of its arguments, computed once.

    The outputs form `TERMS` equal groups. In each group every input occurs once, at a place and with
    a sign drawn by SplitMix64 (https://doi.org/10.1145/2660193.2660195). That is integer arithmetic
    written here, because the streams of numpy's generators may change with its version.

    Raises:
        ValueError: `dimension` is not a multiple of `TERMS`, or one of them is not positive.

    """
    if length < 1 or dimension < 1 or dimension % TERMS:
        raise ValueError(f"vectors of length {length} cannot be projected to {dimension} dimensions")
    places = dimension // TERMS
    fan = -(-length // places)
    inputs, signs = np.zeros((TERMS, fan * places), np.int64), np.zeros((TERMS, fan * places), np.float32)
    for group in range(TERMS):
        # All drawn numbers are distinct, so there is one way to sort them.
        inputs[group, :length] = np.argsort(_draw(length, _SHUFFLE, group))
        signs[group, :length] = np.where(_draw(length, _SIGN, group) >> np.uint64(63), -1, 1)
    return Tables(inputs=_side_by_side(inputs, places), signs=_side_by_side(signs, places))


def project(vectors: NDArray[np.floating], dimension: int) -> NDArray[np.float32]:
    """Project vectors and give them unit length; one that is all zero stays so.

    Cosines are nearly kept: c becomes c + e, with e of about (1 - c^2) / sqrt(dimension).

    Args:
        vectors: [length] or [n, length], finite, of any length.
        dimension: of the result.

    Returns:
        [dimension] or [n, dimension] float32.

    """
    table = tables(vectors.shape[-1], dimension)
    rows = vectors.astype(np.float32, copy=False).reshape(-1, vectors.shape[-1])
    out = np.empty((len(rows), dimension), np.float32)
    for row, projected in zip(rows, out, strict=True):
        np.einsum("fd,fd->d", row.take(table.inputs), table.signs, out=projected)
    norms = np.linalg.norm(out, axis=1, keepdims=True)
    out /= np.where(norms > 0, norms, 1)
    return out.reshape(*vectors.shape[:-1], dimension)


def _side_by_side(groups: NDArray[Number], places: int) -> NDArray[Number]:
    """[TERMS, fan * places] as [fan, TERMS * places], read-only."""
    table = np.concatenate(groups.reshape(TERMS, -1, places), axis=1)
    table.flags.writeable = False
    return table


def _draw(count: int, use: int, group: int) -> NDArray[np.uint64]:
    """The first `count` numbers of one stretch of SplitMix64's sequence; all 2^64 of it are distinct."""
    first = ((use * TERMS + group) << 40) + 1
    state = _SEED + np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
