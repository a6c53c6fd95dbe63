"""Lets few vectors stand for many in a search: the cost of a request stays bounded, its scores stay exact."""

import numpy as np
from numpy.typing import NDArray

from recommendations.arithmetic.calibration import Vectors

MOST = 24
"""Queries of one search; more are represented by as many of their own. `bench.recommend` and `bench.quality`."""
ROUNDS = 8


def represent(vectors: Vectors, weights: NDArray[np.float64]) -> tuple[Vectors, NDArray[np.float64]]:
    """Choose at most MOST of the vectors, and give each the weight of those that it stands for.

    By weighted k-medoids on the sphere, begun with the heaviest and then always the one that is farthest from all
    chosen (Gonzalez 1985), so that the same vectors always give the same result.

    Args:
        vectors: [n, dimension] of unit length, at least one.
        weights: [n], above 0.

    """
    if len(vectors) <= MOST:
        return vectors, weights
    cosines = (vectors @ vectors.T).astype(np.float64)
    chosen = _spread(cosines, weights)
    for _ in range(ROUNDS):
        owner = cosines[:, chosen].argmax(axis=1)
        moved = np.array([_medoid(cosines, weights, np.flatnonzero(owner == mine)) for mine in np.unique(owner)])
        if np.array_equal(moved, chosen):
            break
        chosen = moved
    owner = cosines[:, chosen].argmax(axis=1)
    standing = np.bincount(owner, weights=weights, minlength=len(chosen)).astype(np.float64)
    return vectors[chosen[standing > 0]], standing[standing > 0]


def _spread(cosines: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    chosen = [int(weights.argmax())]
    nearest = cosines[chosen[0]].copy()
    nearest[chosen[0]] = np.inf
    while len(chosen) < MOST:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, cosines[chosen[-1]])
        nearest[chosen[-1]] = np.inf
    return np.array(chosen)


def _medoid(cosines: NDArray[np.float64], weights: NDArray[np.float64], members: NDArray[np.intp]) -> int:
    """The member that is nearest to all others of its group, by their weight."""
    return int(members[(cosines[np.ix_(members, members)] @ weights[members]).argmax()])
