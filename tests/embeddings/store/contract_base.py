"""What the parts of the store contract share: names, rows, and patience."""

import uuid
from collections.abc import Iterator

import pytest

from embeddings.domain import Vector
from embeddings.store.base import VectorStore
from tests.embeddings.store.rows import DIMENSION, rows
from tests.services import until


def soon(store: VectorStore, name: str, vector: Vector, wanted: set[str], *, limit: int) -> bool:
    """The search finds exactly these; a server may answer searches as of some seconds ago."""
    until(lambda: {hit.id for hit in store.search(name, vector[None], limit=limit)[0]} == wanted, seconds=20)
    return True


class ContractBase:
    """Every test gets its own collection name."""

    @pytest.fixture
    def name(self, store: VectorStore) -> Iterator[str]:
        name = f"t_{uuid.uuid4().hex}"
        yield name
        store.drop(name)

    @pytest.fixture
    def filled(self, store: VectorStore, name: str) -> str:
        store.create(name, DIMENSION)
        store.upsert(name, rows(300))
        return name
