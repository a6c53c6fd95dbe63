import pytest

from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.store.contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> VectorStore:
        return MemoryStore()
