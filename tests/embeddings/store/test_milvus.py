import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embeddings.conf import StoreConfig
from embeddings.errors import BackendUnavailable
from embeddings.store import connect
from embeddings.store.base import VectorStore
from tests.embeddings.store.contract import StoreContract
from tests.embeddings.store.rows import DIMENSION, random_vectors, rows
from tests.services import LiteServer

NAMED_SERVER = os.environ.get("MILVUS_TEST_URI", "")
TWO_VECTORS = (
    "JointContract.",
    "ReadingContract.test_rows_bring_both_vectors_bit_by_bit",
    "ReadingContract.test_a_collection_says_what_it_is_made_of",
)
"""Tests that a server before 2.4 cannot pass, as its rows carry one vector."""


def open_store(uri: str, *, timeout: float = 30.0) -> VectorStore:
    return connect(StoreConfig(uri=uri, token="", timeout_seconds=timeout))


@pytest.fixture(scope="module")
def lite_store(milvus_uri: str) -> Iterator[VectorStore]:
    store = open_store(milvus_uri)
    yield store
    store.close()


@pytest.fixture(scope="module")
def named_store() -> Iterator[VectorStore]:
    store = open_store(NAMED_SERVER)
    yield store
    store.close()


class TestMilvusLite(StoreContract):
    @pytest.fixture
    def store(self, lite_store: VectorStore) -> VectorStore:
        return lite_store


@pytest.mark.skipif(not NAMED_SERVER, reason="MILVUS_TEST_URI names no server")
class TestNamedServer(StoreContract):
    @pytest.fixture
    def store(self, named_store: VectorStore, request: pytest.FixtureRequest) -> VectorStore:
        version = named_store.health().version
        if version.startswith("v2.3.") and request.function.__qualname__.startswith(TWO_VECTORS):
            pytest.skip(f"Milvus {version} keeps one vector in a row")
        return named_store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiteServer]:
    server = LiteServer(tmp_path).start()
    yield server
    server.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_same_store_goes_on_after_a_restart(server: LiteServer, number: signal.Signals) -> None:
    store = open_store(server.uri)
    store.create("gen", DIMENSION)
    store.upsert("gen", rows(500))
    store.flush("gen")
    store.upsert("gen", rows(600)[500:])
    store.point_alias("live", "gen")
    server.stop(number)
    server.start()
    assert store.count("live") == 600
    assert len(store.search("live", random_vectors(1), limit=10)[0]) == 10
    store.upsert("gen", rows(601)[600:])
    assert store.count("live") == 601


def test_collections_that_are_not_loaded_are_loaded_when_read(server: LiteServer) -> None:
    from pymilvus import MilvusClient

    store = open_store(server.uri)
    store.create("gen", DIMENSION)
    store.upsert("gen", rows(20))
    client = MilvusClient(server.uri, timeout=10)
    client.release_collection("gen", timeout=10)
    assert len(store.search("gen", random_vectors(1), limit=5)[0]) == 5
    client.release_collection("gen", timeout=10)
    assert store.count("gen") == 20


def test_a_server_that_is_down_is_said_to_be_down_at_once(server: LiteServer) -> None:
    store = open_store(server.uri, timeout=5)
    store.create("gen", DIMENSION)
    server.stop(signal.SIGKILL)
    began = time.monotonic()
    for call in (lambda: store.count("gen"), lambda: store.upsert("gen", rows(1)), store.health):
        with pytest.raises(BackendUnavailable, match=r"vector store at http://127\.0\.0\.1"):
            call()
    assert time.monotonic() - began < 5


def test_a_server_that_was_down_for_many_calls_is_found_at_once_when_it_is_back(server: LiteServer) -> None:
    store = open_store(server.uri, timeout=5)
    store.create("gen", DIMENSION)
    server.stop(signal.SIGKILL)
    for _ in range(30):
        with pytest.raises(BackendUnavailable):
            store.count("gen")
    server.start()
    assert store.count("gen") == 0


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = open_store(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=2)
        began = time.monotonic()
        with pytest.raises(BackendUnavailable):
            store.collections()
        assert time.monotonic() - began < 6


def test_a_frozen_server_is_given_up_in_time(server: LiteServer) -> None:
    store = open_store(server.uri, timeout=2)
    store.create("gen", DIMENSION)
    server.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable):
        store.count("gen")
    assert time.monotonic() - began < 6
    server.send(signal.SIGCONT)
    assert store.count("gen") == 0


def test_credentials_stay_out_of_messages() -> None:
    store = open_store("http://user:secret@127.0.0.1:1", timeout=2)
    with pytest.raises(BackendUnavailable) as caught:
        store.health()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["var/milvus.db", "", "ftp://host"])
def test_addresses_of_no_server_are_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="http://host:19530"):
        open_store(uri)


def test_store_is_imported_and_made_without_the_client_library() -> None:
    code = (
        "import sys, embeddings.store, embeddings.store.base, embeddings.store.memory;"
        "sys.exit(any(name.split('.')[0] in ('pymilvus', 'milvus_lite', 'grpc') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_client_does_not_load_the_server() -> None:
    code = (
        "import sys, embeddings.store.milvus;"
        "sys.exit(any(name.split('.')[0] in ('milvus_lite', 'faiss') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_readers_never_miss_an_acknowledged_row(tmp_path: Path) -> None:
    """Rows move from memory to a segment while others count them; the server moves them every few hundred."""
    server = LiteServer(tmp_path, memtable_bytes=400_000).start()
    store = open_store(server.uri)
    store.create("gen", 256)
    many = rows(4000, dimension=256)
    with ThreadPoolExecutor(2) as pool:
        written = pool.map(lambda at: store.upsert("gen", many[at : at + 50]), range(0, 4000, 50))
        counts = [0]
        while counts[-1] < 4000:
            counts.append(store.count("gen"))
        assert len(list(written)) == 80
    server.end()
    assert counts == sorted(counts)
