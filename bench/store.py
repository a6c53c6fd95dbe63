"""The vector store measured: recall, search latency, writing speed; `python -m bench.store [--rows N]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from bench.figure import Figure, show
from embeddings.conf import StoreConfig
from embeddings.domain import SearchFilter, VectorRow
from embeddings.store import connect
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from embeddings.store.milvus_schema import fields_of
from tests.services import LiteServer

COLLECTION = "bench"
FLOOR = "bench_floor"
BATCH = 64
QUERIES = 200
LIMIT = 10


def tracks(count: int, dimension: int) -> list[VectorRow]:
    """Vectors in clusters, as music has them: a library is neither uniform noise nor identical songs."""
    chance = np.random.default_rng(7)
    centres = chance.standard_normal((max(1, count // 50), dimension))
    vectors = (centres[chance.integers(len(centres), size=count)] + chance.standard_normal((count, dimension))).astype(
        np.float32
    )
    return [
        VectorRow(
            id=f"{number:036d}",
            name=f"Artist {number % 500} - Title {number}",
            embedding=vectors[number],
            offset=0.0,
            model_id="bench@1",
            library_id=1 + (number % 100 == 0),
            artist_key=f"artist-{number % 500}",
            album_key=f"album-{number % 2000}",
        )
        for number in range(count)
    ]


def seconds(act: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def writing_seconds(store: VectorStore, uri: str, made: list[VectorRow]) -> tuple[float, float]:
    """Seconds to write all rows by the store, and by the bare client library; batch by batch in turns."""
    client = MilvusClient(uri, timeout=60)
    ours = bare = 0.0
    for at in range(0, len(made), BATCH):
        batch = made[at : at + BATCH]
        ours += seconds(partial(store.upsert, COLLECTION, batch))
        fields = [fields_of(row) for row in batch]
        bare += seconds(partial(client.upsert, FLOOR, fields, timeout=60))
    client.close()
    return ours, bare


def recall(store: VectorStore, exact: VectorStore, queries: NDArray[np.float32], where: SearchFilter | None) -> float:
    """Share of the true ten nearest that the store finds."""
    found = store.search(COLLECTION, queries, limit=LIMIT, where=where)
    true = exact.search(COLLECTION, queries, limit=LIMIT, where=where)
    pairs = zip(found, true, strict=True)
    return sum(len({hit.id for hit in a} & {hit.id for hit in b}) for a, b in pairs) / sum(map(len, true))


def measure(store: VectorStore, uri: str, count: int, dimension: int) -> Iterator[Figure]:
    """All figures at one dimension."""
    made, exact = tracks(count, dimension), MemoryStore()
    exact.create(COLLECTION, dimension)
    exact.upsert(COLLECTION, made)
    store.create(COLLECTION, dimension)
    store.create(FLOOR, dimension)
    writing, floor = writing_seconds(store, uri, made)
    indexing = seconds(lambda: store.flush(COLLECTION))
    queries = tracks(count + QUERIES, dimension)[-QUERIES:]
    asked = np.stack([row.embedding for row in queries])
    times = [1000 * seconds(partial(store.search, COLLECTION, one[None], limit=LIMIT)) for one in asked]
    by_library = SearchFilter(library_ids=[2])
    by_artist = SearchFilter(exclude_artist_keys=[f"artist-{number}" for number in range(50)])
    text = f"{dimension} dimensions, {count} rows:"
    yield Figure(name=f"{text} recall@10", value=recall(store, exact, asked, None), bar=0.99)
    within = recall(store, exact, asked, by_library)
    yield Figure(name=f"{text} recall@10 within one library of 1%", value=within, bar=0.99)
    without = recall(store, exact, asked, by_artist)
    yield Figure(name=f"{text} recall@10 without 50 artists", value=without, bar=0.99)
    for share, most in ((50, 30), (95, 100)):
        latency = float(np.percentile(times, share))
        yield Figure(name=f"{text} search p{share}", value=latency, unit="ms", bar=most, at_most=True)
    yield Figure(name=f"{text} upsert of 64", value=count / writing, unit="rows/s", bar=300)
    ratio = writing / floor
    yield Figure(name=f"{text} upsert / bare client library", value=ratio, unit="x", bar=1.25, at_most=True)
    yield Figure(name=f"{text} flush and index", value=indexing, unit="s", bar=120, at_most=True)
    missing = count - store.count(COLLECTION)
    yield Figure(name=f"{text} rows missing", value=missing, unit="rows", bar=0, at_most=True)
    store.drop(COLLECTION)
    store.drop(FLOOR)


def main() -> None:
    """Measure a fresh server, or the one that --uri names; exit status 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--uri", default="", help="a server to measure instead of a fresh Milvus Lite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = None if given.uri else LiteServer(folder).start()
        uri = given.uri if server is None else server.uri
        store = connect(StoreConfig(uri=uri, token="", timeout_seconds=60))
        code = max(show(measure(store, uri, given.rows, dimension)) for dimension in (320, 1536))
        store.close()
        if server is not None:
            server.end()
    sys.exit(code)


if __name__ == "__main__":
    main()
