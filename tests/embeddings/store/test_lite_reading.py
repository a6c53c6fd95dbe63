"""Milvus Lite with our readers sees exactly what the store in memory sees, and never a write half done."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embeddings.conf import StoreConfig
from embeddings.domain import Hit, SearchFilter, VectorRow
from embeddings.store import connect
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.store.rows import DIMENSION, JOINT, random_vectors, rows
from tests.services import LiteServer

IDS = 240
FLUSHED = 40_000
"""Bytes: a flush after a hundred rows, and soon a compaction."""


def filters(chance: random.Random) -> SearchFilter:
    """Some of each kind, by themselves and together."""
    return SearchFilter(
        library_ids=chance.choice([(), (1,), (2,), (1, 2)]),
        exclude_ids=[f"r{chance.randrange(IDS):05d}" for _ in range(chance.choice([0, 0, 3, 100]))],
        exclude_artist_keys=[f"artist-{chance.randrange(10)}" for _ in range(chance.choice([0, 0, 2, 30]))],
    )


def written(chance: random.Random, store: VectorStore, exact: VectorStore) -> None:
    """One write, the same in both."""
    act = chance.choice(["upsert", "upsert", "upsert", "delete", "flush"])
    if act == "upsert":
        made = rows(IDS, joint=JOINT, seed=chance.randrange(10_000))
        some = chance.sample(made, chance.randrange(1, 60))
        store.upsert("gen", some)
        exact.upsert("gen", some)
    elif act == "delete":
        gone = [f"r{chance.randrange(IDS):05d}" for _ in range(chance.randrange(1, 30))]
        store.delete("gen", gone)
        exact.delete("gen", gone)
    elif chance.random() < 0.5:
        store.flush("gen")


def same(found: Sequence[Hit], true: Sequence[Hit], all_true: dict[str, float]) -> bool:
    """The same scores in the same order, each the right one of its id; ids at equal scores may change places."""
    scores = np.allclose([hit.score for hit in found], [hit.score for hit in true], atol=1e-5)
    right = all(abs(hit.score - all_true[hit.id]) < 1e-5 for hit in found)
    return len(found) == len(true) and scores and right and len({hit.id for hit in found}) == len(found)


def check(chance: random.Random, store: VectorStore, exact: VectorStore) -> None:
    """A search and a fetch, with both vectors of the rows."""
    field, width = chance.choice([("embedding", DIMENSION), ("joint", JOINT)])
    asked = random_vectors(chance.choice([1, 1, 7]), dimension=width, seed=chance.randrange(10_000))
    where, limit = filters(chance), chance.choice([1, 10, 50, 300])
    found = store.search("gen", asked, limit=limit, where=where, field=field)  # type: ignore[arg-type]
    true = exact.search("gen", asked, limit=limit, where=where, field=field)  # type: ignore[arg-type]
    whole = exact.search("gen", asked, limit=IDS, field=field)  # type: ignore[arg-type]
    for ours, theirs, every in zip(found, true, whole, strict=True):
        assert same(ours, theirs, {hit.id: hit.score for hit in every})
    wanted = [f"r{chance.randrange(IDS + 20):05d}" for _ in range(30)]
    fetched, there = (one.fetch("gen", wanted, field=field) for one in (store, exact))  # type: ignore[arg-type]
    assert fetched.keys() == there.keys()
    assert all(np.array_equal(fetched[key], there[key]) for key in there)
    assert store.labels("gen", wanted).keys() == there.keys()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_writes_and_reads_is_answered_as_from_memory(seed: int, tmp_path: Path) -> None:
    chance, server = random.Random(seed), LiteServer(tmp_path, memtable_bytes=FLUSHED).start()
    store, exact = connect(StoreConfig(uri=server.uri, token="", timeout_seconds=60)), MemoryStore()
    for one in (store, exact):
        one.create("gen", DIMENSION, joint_dimension=JOINT)
    for _ in range(50):
        written(chance, store, exact)
        check(chance, store, exact)
    assert store.count("gen") == exact.count("gen")
    server.stop()
    server.start()
    check(chance, store, exact)
    store.close()
    server.end()


def version_of(number: int) -> list[VectorRow]:
    """All rows, whose vectors say which version of them this is."""
    made = np.zeros((IDS, DIMENSION), dtype=np.float32)
    made[:, 0], made[:, 1] = 1.0, number
    return [replace(row, embedding=vector) for row, vector in zip(rows(IDS), made, strict=True)]


def test_readers_miss_no_row_while_a_flush_moves_it_and_see_what_was_acknowledged(tmp_path: Path) -> None:
    """With the stock server this test fails: rows are nowhere between memory and disk."""
    server = LiteServer(tmp_path, memtable_bytes=5 * FLUSHED).start()
    store = connect(StoreConfig(uri=server.uri, token="", timeout_seconds=60))
    store.create("gen", DIMENSION)
    store.upsert("gen", version_of(1))
    acknowledged = 1

    def write() -> None:
        nonlocal acknowledged
        for number in range(2, 25):
            store.upsert("gen", version_of(number))
            acknowledged = number

    ids = [row.id for row in version_of(1)]
    with ThreadPoolExecutor(1) as pool:
        writing, looks = pool.submit(write), 0
        while not writing.done() or looks == 0:
            least = acknowledged
            found = store.fetch("gen", ids)
            assert len(found) == IDS
            assert min(vector[1] for vector in found.values()) >= least
            hits = store.search("gen", np.eye(1, DIMENSION, dtype=np.float32), limit=IDS + 10)[0]
            assert len({hit.id for hit in hits}) == len(hits) == IDS
            looks += 1
        writing.result()
    assert looks > 1
    store.close()
    server.end()
