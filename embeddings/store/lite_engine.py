"""The three places where Milvus Lite's engine needs help to behave like a production server."""

import logging
import math
import threading
from typing import Any

import faiss
import milvus_lite.index.faiss_hnsw
import numpy as np
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import DEFAULT_DATABASE_NAME, MilvusLite
from milvus_lite.engine.collection import Collection
from numpy.typing import NDArray
from pymilvus.grpc_gen import common_pb2

log = logging.getLogger("embeddings.store.lite_server")

FEW_ROWS = 4096
"""As many rows are compared exactly sooner than a graph is walked."""
FEW_SHARE = 0.07
"""Share of rows passing a filter below which a production server compares exactly."""


class Database(MilvusLite):  # type: ignore[misc]
    """Opens each collection once, however many callers ask for it at the same time.

    Without the lock, a reader that asks for a collection while it is being made opens a second copy of it,
    and two copies write over each other's log.
    """

    def __init__(self, data_dir: str) -> None:
        self._opening = threading.RLock()
        super().__init__(data_dir)

    def create_collection(self, *args: Any, **kwargs: Any) -> Collection:
        """Make a collection."""
        with self._opening:
            return super().create_collection(*args, **kwargs)

    def get_collection(self, name: str, database_name: str = DEFAULT_DATABASE_NAME) -> Collection:
        """Open a collection, or find it open."""
        with self._opening:
            return super().get_collection(name, database_name=database_name)

    def drop_collection(self, name: str, database_name: str = DEFAULT_DATABASE_NAME) -> None:
        """Close and delete a collection."""
        with self._opening:
            super().drop_collection(name, database_name=database_name)

    def load_all(self) -> None:
        """Open and load every collection; one that cannot be opened does not keep the others away."""
        for name in self.list_collections():
            try:
                self.get_collection(name).load()
            except Exception:  # a damaged collection fails its own callers; its neighbours are sound
                log.exception("collection not loaded name=%s", name)


class Servicer(MilvusServicer):  # type: ignore[misc]
    """Answers how far indexes have been built, where the stock server always says `Finished`."""

    def DescribeIndex(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Rows that have an index and rows that wait for one, by field."""
        answer = super().DescribeIndex(request, context)
        if not answer.index_descriptions:
            return answer
        collection = self._get_collection(request, context)
        for found in answer.index_descriptions:
            waiting = rows_without_index(collection, found.field_name)
            found.pending_index_rows = waiting
            found.indexed_rows = max(0, found.total_rows - waiting)
            found.state = common_pb2.IndexState.InProgress if waiting else common_pb2.IndexState.Finished
        return answer


def rows_without_index(collection: Collection, field: str) -> int:
    """Flushed rows whose segment has no index on the field yet; none while the collection is not loaded."""
    if collection.load_state != "loaded":
        return 0
    segments = collection._segments_snapshot()
    return sum(part.num_rows for part in segments if field not in part.indexes and field not in part.scalar_indexes)


class ExactWhenFew(milvus_lite.index.faiss_hnsw.FaissHnswIndex):  # type: ignore[misc]
    """The graph index, which finds all there is when a filter leaves little.

    A walk of the graph that may count only one row in a hundred ends before it has met ten of them: the stock
    index then returns fewer hits than exist. So few are compared exactly, and a walk goes on longer the less of
    what it meets may count.
    """

    __slots__ = ()

    def search(
        self,
        queries: NDArray[np.float32],
        top_k: int,
        valid_mask: NDArray[np.bool_] | None = None,
        params: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Nearest rows among those the mask lets pass: row numbers and cosine distances, both [n, top_k]."""
        if valid_mask is None or self.metric != "COSINE":
            return super().search(queries, top_k, valid_mask, params)  # type: ignore[no-any-return]
        passing = np.flatnonzero(valid_mask)
        if passing.size <= max(FEW_ROWS, FEW_SHARE * self.num_vectors) or passing.size <= 2 * top_k:
            return self._compare(queries, top_k, passing)
        ef = math.ceil((params or {}).get("ef", 64) * self.num_vectors / passing.size)
        return super().search(queries, top_k, valid_mask, {**(params or {}), "ef": ef})  # type: ignore[no-any-return]

    def _compare(
        self, queries: NDArray[np.float32], top_k: int, passing: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Compare with each of the passing rows; rows are padded with -1 and infinity, as the engine expects."""
        queries = np.atleast_2d(np.asarray(queries, dtype=np.float32))
        ids = np.full((len(queries), top_k), -1, dtype=np.int64)
        distances = np.full((len(queries), top_k), np.inf, dtype=np.float32)
        kept = min(top_k, passing.size)
        if kept:
            stored: Any = faiss.downcast_index(self._index.storage)
            vectors = faiss.rev_swig_ptr(stored.get_xb(), self.num_vectors * self.dim).reshape(-1, self.dim)[passing]
            found = 1.0 - (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ vectors.T
            nearest = np.argsort(found, axis=1, kind="stable")[:, :kept]
            ids[:, :kept] = passing[nearest]
            distances[:, :kept] = np.take_along_axis(found, nearest, axis=1)
        return ids, distances


def install_index() -> None:
    """Make the engine build and read `ExactWhenFew`; the files on disk are the same."""
    milvus_lite.index.faiss_hnsw.FaissHnswIndex = ExactWhenFew
