from collections.abc import Iterator
from typing import Any

import pytest

from embeddings.conf import StoreConfig
from embeddings.store import connect
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.adoption.predecessor import Predecessor
from tests.services import LiteServer


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for these tests alone: they use names that other tests use for aliases."""
    server = LiteServer(tmp_path_factory.mktemp("predecessor")).start()
    yield server.uri
    server.end()


@pytest.fixture
def old(own_server: str) -> Iterator[Predecessor]:
    predecessor = Predecessor(own_server)
    yield predecessor
    predecessor.wipe()


@pytest.fixture
def store(own_server: str, settings: Any) -> Iterator[VectorStore]:
    settings.MILVUS_URI = own_server
    store = connect(StoreConfig(uri=own_server, token="", timeout_seconds=30.0))
    yield store
    store.close()
