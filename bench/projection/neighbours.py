"""How well projected vectors find the neighbours that the whole vectors have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Project = Callable[[Array], Array]

NEAREST, FIRST = 10, 100
CHUNK = 500


class LongVectors(Protocol):
    """Vectors of unit length, perhaps too many to be in memory at once."""

    name: str
    count: int

    def rows(self, first: int, last: int) -> Array:
        """[last - first, length], the same whenever they are asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a projection keeps of the exact ten nearest, over all queries."""

    cosine: float
    """Mean exact cosine of its ten nearest over that of the exact ten."""
    worst_cosine: float
    """The same of the query where it is lowest."""
    within: float
    """Share of the exact ten that are among its first hundred."""
    recall: float
    """Share of the exact ten that are among its ten."""
    deepest: int
    """Rank, in its order, of the exact neighbour that it ranks lowest."""


def compare(vectors: LongVectors, queries: NDArray[np.int64], projections: Mapping[str, Project]) -> dict[str, Kept]:
    """Rank all vectors for each query, exactly and by each projection; a query does not find itself."""
    asked = np.concatenate([vectors.rows(int(one), int(one) + 1) for one in queries])
    short = {name: project(asked) for name, project in projections.items()}
    exact = np.empty((len(queries), vectors.count), np.float32)
    near = {name: np.empty_like(exact) for name in projections}
    for first in range(0, vectors.count, CHUNK):
        last = min(first + CHUNK, vectors.count)
        rows = vectors.rows(first, last)
        exact[:, first:last] = asked @ rows.T
        for name, project in projections.items():
            near[name][:, first:last] = short[name] @ project(rows).T
    for cosines in (exact, *near.values()):
        cosines[np.arange(len(queries)), queries] = -np.inf
    return {name: judge(exact, cosines) for name, cosines in near.items()}


def judge(exact: Array, projected: Array) -> Kept:
    """Compare two [queries, vectors] tables of cosines."""
    true, found = (np.argsort(-cosines, axis=1)[:, :NEAREST] for cosines in (exact, projected))
    best, had = (np.take_along_axis(exact, at, axis=1).mean(axis=1) for at in (true, found))
    ranks = np.array([ranks_of(row, at) for row, at in zip(projected, true, strict=True)])
    return Kept(
        cosine=float(had.mean() / best.mean()),
        worst_cosine=float((had / best).min()),
        within=float((ranks < FIRST).mean()),
        recall=float((ranks < NEAREST).mean()),
        deepest=int(ranks.max()) + 1,
    )


def ranks_of(cosines: Array, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many are nearer than each of some vectors."""
    ranks: NDArray[np.int64] = np.searchsorted(np.sort(-cosines), -cosines[at])
    return ranks
