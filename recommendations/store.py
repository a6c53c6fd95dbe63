"""The process's connection to the vector store, made from the configuration on first use."""

from functools import cache

from embeddings import conf
from embeddings.store import connect
from embeddings.store.base import VectorStore


@cache
def vector_store() -> VectorStore:
    """Give the one connection that all requests share."""
    return connect(conf.store())
