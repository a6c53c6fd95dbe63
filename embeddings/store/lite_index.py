"""How Milvus Lite's engine compares vectors: a graph that finds all there is, and rows compared one by one."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as compiled
import numpy as np
from milvus_lite.index.faiss_hnsw import FaissHnswIndex
from numpy.typing import NDArray

faiss: Any = compiled
"""Its types know less than it does."""
FEW_ROWS = 4096
"""As many rows are compared exactly sooner than a graph is walked."""
FEW_SHARE = 0.07
"""Share of rows passing a filter below which a production server compares exactly."""
STEPS = 16
"""Rows that a walk compares with for each of the `ef` that it keeps: eleven to twenty-six, by the music."""
READ, COPIED, TOGETHER = 1.0, 8.0, 0.25
"""What a row costs that is compared exactly, in such steps: where it lies, or copied first; and for each query."""
AT_ONCE = 4
"""Models that one request asks together: were each search to take every core, threads would wait for each other."""

Nearest = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Row numbers and cosine distances, both [n, top_k], nearest first; padded with -1 and infinity."""


class ExactWhenFew(FaissHnswIndex):  # type: ignore[misc]
    """The graph index, which finds all there is when a filter leaves little.

    A walk of the graph that may count only one row in a hundred ends before it has met ten of them: the stock
    index then returns fewer hits than exist. So few are compared exactly, and a walk goes on longer the less of
    what it meets may count. Searches at the same time may walk differently long, which the stock index mixes up.
    """

    __slots__ = ()

    def search(
        self,
        queries: NDArray[np.float32],
        top_k: int,
        valid_mask: NDArray[np.bool_] | None = None,
        params: dict[str, Any] | None = None,
    ) -> Nearest:
        """Nearest rows among those the mask lets pass."""
        if self.metric != "COSINE" or not self.num_vectors or top_k < 1:
            return super().search(queries, top_k, valid_mask, params)  # type: ignore[no-any-return]
        queries = unit(np.atleast_2d(np.asarray(queries, dtype=np.float32)))
        ef = int((params or {}).get("ef", 64))
        passing = self.num_vectors if valid_mask is None else int(np.count_nonzero(valid_mask))
        longer = math.ceil(ef * self.num_vectors / max(1, passing))
        copied = passing * (COPIED + TOGETHER * len(queries))
        exactly = min(copied, self.num_vectors * (READ + TOGETHER * len(queries)))
        few = valid_mask is not None and passing <= max(FEW_ROWS, FEW_SHARE * self.num_vectors)
        if few or passing <= 2 * top_k or exactly <= len(queries) * STEPS * longer:
            return self._compare(queries, top_k, valid_mask, copy=copied == exactly)
        if valid_mask is None:
            return self._walk(queries, top_k, faiss.SearchParametersHNSW(efSearch=ef))
        selector = faiss.IDSelectorBitmap(np.packbits(valid_mask, bitorder="little"))
        return self._walk(queries, top_k, faiss.SearchParametersHNSW(sel=selector, efSearch=longer))

    def _walk(self, queries: NDArray[np.float32], top_k: int, how: Any) -> Nearest:
        with threads(max(1, (os.cpu_count() or 1) // AT_ONCE)):
            cosines, rows = self._index.search(np.ascontiguousarray(queries), top_k, params=how)
        return rows, np.where(rows < 0, np.float32(np.inf), 1 - cosines)

    def _compare(
        self, queries: NDArray[np.float32], top_k: int, passing: NDArray[np.bool_] | None, *, copy: bool
    ) -> Nearest:
        """Compare with each of the passing rows."""
        stored = faiss.downcast_index(self._index.storage)
        vectors = faiss.rev_swig_ptr(stored.get_xb(), self.num_vectors * self.dim).reshape(-1, self.dim)
        if copy and passing is not None:
            rows = np.flatnonzero(passing)
            return nearest(1 - queries @ vectors[rows].T, top_k, rows)
        distances = 1 - queries @ vectors.T
        if passing is not None:
            distances[:, ~passing] = np.inf
        return nearest(distances, top_k, np.arange(self.num_vectors))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let this thread compute with so many; building an index in the same thread later takes all again."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def nearest(distances: NDArray[np.float32], top_k: int, rows: NDArray[np.int64]) -> Nearest:
    """The least of the distances [n, m] to these rows [m]; infinite ones are not there."""
    kept = min(top_k, rows.size)
    if rows.size > 4 * kept:
        first = np.argpartition(distances, kept, axis=1)[:, :kept]
        first.sort(axis=1)  # so that rows at equal distance stay in order
    else:
        first = np.broadcast_to(np.arange(rows.size), distances.shape)
    near = np.take_along_axis(distances, first, axis=1)
    order = np.argsort(near, axis=1, kind="stable")[:, :kept]
    found = np.full((len(distances), top_k), -1, dtype=np.int64)
    far = np.full((len(distances), top_k), np.inf, dtype=np.float32)
    far[:, :kept] = np.take_along_axis(near, order, axis=1)
    found[:, :kept] = np.where(np.isinf(far[:, :kept]), -1, rows[np.take_along_axis(first, order, axis=1)])
    return found, far


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length one; a vector of zeros stays one."""
    return vectors / lengths(vectors)[:, None]


def lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of each vector, 1 for a vector of zeros, to divide by."""
    found: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.where(found == 0, np.float32(1), found)
