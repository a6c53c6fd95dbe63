"""Moving a generation from one server to another: every vector arrives as it was."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embeddings.conf import StoreConfig
from embeddings.embedders import get_spec
from embeddings.jobs import archive
from embeddings.models import Generation
from embeddings.store import connect
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.archive.library import bits, fill, make_tracks, unit_vectors
from tests.services import LiteServer

pytestmark = pytest.mark.django_db

NAMED_SERVER = os.environ.get("MILVUS_TEST_URI", "")


def opened(uri: str) -> VectorStore:
    return connect(StoreConfig(uri=uri, token="", timeout_seconds=60.0))


@pytest.fixture
def second_lite(tmp_path: Path) -> Iterator[VectorStore]:
    server = LiteServer(tmp_path).start()
    yield opened(server.uri)
    server.end()


@pytest.fixture
def named_server() -> Iterator[VectorStore]:
    store = opened(NAMED_SERVER)
    before = set(store.collections())
    aliases = {spec: store.alias_target(get_spec(spec).alias) for spec in ("latent", "acoustic")}
    yield store
    for name, target in aliases.items():
        if target is None:
            store.remove_alias(get_spec(name).alias)
    for name in set(store.collections()) - before:
        store.drop(name)


def moved(model: str, source: VectorStore, target: VectorStore, place: Path) -> None:
    generation = fill(make_tracks(250), source, spec=get_spec(model))
    source.flush(generation.collection)
    manifest = archive.export(generation, place, source)
    before = bits(source, generation.collection)
    found = archive.restore(place, target)
    assert manifest.count == len(before) == found.stored == 250
    assert bits(target, found.generation.collection) == before


@pytest.mark.parametrize("model", ["muq", "latent"])
def test_from_milvus_lite_to_another(model: str, store: VectorStore, second_lite: VectorStore, tmp_path: Path) -> None:
    moved(model, store, second_lite, tmp_path / "archive")
    track = make_tracks(1)[0]
    assert not second_lite.fetch(get_spec(model).alias, [str(track.pk)])
    query = unit_vectors(1, get_spec(model).dimension, seed=3)
    assert len(second_lite.search(get_spec(model).alias, query, limit=10)[0]) == 10


def test_from_milvus_lite_to_memory_and_back(store: VectorStore, tmp_path: Path) -> None:
    exact = MemoryStore()
    moved("latent", store, exact, tmp_path / "there")
    live = Generation.objects.live("latent")
    assert live is not None
    archive.export(live, tmp_path / "back", exact)
    back = archive.restore(tmp_path / "back", store).generation
    assert bits(store, back.collection) == bits(exact, live.collection)


@pytest.mark.skipif(not NAMED_SERVER, reason="MILVUS_TEST_URI names no server")
def test_from_milvus_lite_to_a_server_and_back(store: VectorStore, named_server: VectorStore, tmp_path: Path) -> None:
    moved("latent", store, named_server, tmp_path / "there")
    moved("acoustic", named_server, store, tmp_path / "back")


def test_numbers_at_the_ends_of_float32_survive(tmp_path: Path, store: VectorStore) -> None:
    generation = fill(make_tracks(2), store, spec=get_spec("latent"))
    ends = np.zeros(576, dtype=np.float32)
    ends[:4] = np.array([1.2e-38, -0.0, 1e-38, 1.0], dtype=np.float32)
    row = next(iter(store.rows(generation.collection)))[0]
    store.upsert(generation.collection, [dataclasses.replace(row, embedding=ends)])
    archive.export(generation, tmp_path / "archive", store)
    other = MemoryStore()
    found = archive.restore(tmp_path / "archive", other)
    assert bits(other, found.generation.collection)[row.id][0] == ends.tobytes()
