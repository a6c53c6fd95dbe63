"""The places where Milvus Lite's engine needs help to behave like a production server."""

import logging
import threading
from typing import Any

import milvus_lite.adapter.grpc.translators.search
import milvus_lite.db
import milvus_lite.engine.collection
import milvus_lite.index.faiss_hnsw
from milvus_lite.adapter.grpc.errors import to_status_kwargs
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import DEFAULT_DATABASE_NAME, MilvusLite
from milvus_lite.exceptions import MilvusLiteError
from pymilvus.grpc_gen import common_pb2, milvus_pb2

from embeddings.store import lite_answers
from embeddings.store.lite_index import ExactWhenFew
from embeddings.store.lite_rows import Segment
from embeddings.store.lite_view import Collection

log = logging.getLogger("embeddings.store.lite_server")


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
            found: Collection = super().create_collection(*args, **kwargs)
            return found

    def get_collection(self, name: str, database_name: str = DEFAULT_DATABASE_NAME) -> Collection:
        """Open a collection, or find it open."""
        with self._opening:
            found: Collection = super().get_collection(name, database_name=database_name)
            return found

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
    """The stock server with three better answers: how far indexes are, what is near, and what has these ids."""

    def __init__(self, database: Database, turn: threading.Lock) -> None:
        super().__init__(database)
        self._turn = turn

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Nearest rows."""
        try:
            found = lite_answers.search(self._get_collection(request, context), request)
        except MilvusLiteError as error:
            return milvus_pb2.SearchResults(status=refused(error))
        return super().Search(request, context) if found is None else found

    def Query(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Rows by id, at any time; by another condition in turn with writers, for the engine hides rows in a flush."""
        try:
            found = lite_answers.by_ids(self._get_collection(request, context), request)
        except MilvusLiteError as error:
            return milvus_pb2.QueryResults(status=refused(error))
        if found is not None:
            return found
        with self._turn:
            return super().Query(request, context)

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


def refused(error: MilvusLiteError) -> Any:
    """How the protocol says that the engine refused."""
    return common_pb2.Status(**to_status_kwargs(error))


def rows_without_index(collection: Collection, field: str) -> int:
    """Flushed rows whose segment has no index on the field yet; none while the collection is not loaded."""
    if collection.load_state != "loaded":
        return 0
    segments = collection._segments_snapshot()
    return sum(part.num_rows for part in segments if field not in part.indexes and field not in part.scalar_indexes)


def install() -> None:
    """Make the engine use our collections, segments and graphs; the files on disk are the same.

    The digests of what is replaced, or relied upon, stand in a test: another version of the engine fails it.
    """
    milvus_lite.index.faiss_hnsw.FaissHnswIndex = ExactWhenFew
    milvus_lite.engine.collection.Segment = Segment
    milvus_lite.db.Collection = Collection
    requests = milvus_lite.adapter.grpc.translators.search
    requests._decode_placeholder_group = lite_answers.as_arrays(requests._decode_placeholder_group)
