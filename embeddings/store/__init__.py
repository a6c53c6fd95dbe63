"""The vector store, reached by its protocol; nothing of the client library is loaded before `connect`."""

from embeddings.conf import StoreConfig
from embeddings.store.base import VectorStore


def connect(config: StoreConfig) -> VectorStore:
    """A store for this process, shared by all its threads; the connection is opened by the first call."""
    from embeddings.store.milvus import MilvusStore  # noqa: PLC0415 - the client library costs a second and 100 MB

    return MilvusStore(config)
