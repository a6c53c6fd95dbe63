"""Milvus Lite's engine is the one that our parts of it were written for, and they answer as it does."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

import milvus_lite.adapter.grpc.translators.search as requests
import milvus_lite.index.faiss_hnsw as graph
import milvus_lite.search.executor_indexed as executor
import milvus_lite.storage.delta_index as deletions
import milvus_lite.storage.memtable as memory
import numpy as np
import pytest
from milvus_lite.adapter.grpc import servicer
from milvus_lite.adapter.grpc.translators import records
from milvus_lite.engine import collection, flush
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.storage import segment
from pymilvus.grpc_gen import common_pb2

from embeddings.store.lite_answers import as_arrays
from embeddings.store.lite_engine import install
from embeddings.store.lite_index import ExactWhenFew, nearest
from embeddings.store.lite_view import Collection

WRITTEN_FOR = {
    executor.execute_search_with_index: "e22ce49c5ee1",
    collection.Collection.__init__: "feafcd993c2f",
    collection.Collection.search: "3c32a0a29284",
    collection.Collection.get: "e69627c753fc",
    collection.Collection._trigger_flush: "5fc94e08aebd",
    collection.Collection._refresh_segment_cache: "7fa6532f005c",
    collection.Collection._bg_compact_and_index: "ec39440d65d6",
    collection.Collection.drop_partition: "0ed5d166e337",
    flush.execute_flush: "e991ae8d3662",
    segment.Segment: "1791cde931e1",
    memory.MemTable: "215ff96936d3",
    deletions.DeltaIndex: "c4d975cb6cc4",
    graph.FaissHnswIndex: "2c82f8102c84",
    servicer.MilvusServicer.Search: "16559dfa3ceb",
    servicer.MilvusServicer.Query: "d85754b3f3de",
    servicer.MilvusServicer.DescribeIndex: "03a08b6a3d38",
    requests.parse_search_request: "89e9f9b9e2a1",
    requests._decode_placeholder_group: "7c53e498d41e",
    records.records_to_fields_data: "70351689a28b",
    records._build_field_data: "b4f44b812c8f",
}
"""Start of the SHA-256 of the source of what we replace, and of what we rely upon in what we do not."""


@pytest.mark.parametrize("part", WRITTEN_FOR, ids=lambda part: part.__qualname__)
def test_the_engine_is_as_it_was_when_our_parts_were_written(part: object) -> None:
    """Where this fails, read what has changed, and whether `lite_*.py` still fits, before the digest is renewed."""
    assert digest(part) == WRITTEN_FOR[part]


def digest(part: object) -> str:
    return hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:12]  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [1.0, 0.9, 0.3, 0.01])
@pytest.mark.parametrize("asked", [1, 25])
def test_a_graph_finds_what_comparing_finds(asked: int, share: float) -> None:
    chance = np.random.default_rng(5)
    vectors, queries = (chance.standard_normal((count, 8)).astype(np.float32) for count in (20_000, asked))
    passing = chance.random(20_000) < share
    found, distances = ExactWhenFew.build(vectors, "COSINE", {"M": 32}).search(queries, 10, passing, {"ef": 128})
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (queries, vectors)]
    true, least = nearest(1 - unit[0] @ unit[1][passing].T, 10, np.flatnonzero(passing))
    assert np.mean(found == true) > 0.99
    assert np.allclose(distances[found == true], least[found == true], atol=1e-5)


class Looking(Collection):
    """A collection that is read at the worst moment: rows have left what is written to, and are not published yet."""

    def __init__(self, *args: Any) -> None:
        self.seen: list[bool] = []
        super().__init__(*args)

    def _refresh_segment_cache(self) -> None:
        self.seen.append(self.view().find("a") is not None)
        super()._refresh_segment_cache()


def test_rows_are_found_in_the_middle_of_a_flush_and_then_leave_memory(tmp_path: Path) -> None:
    install()
    fields = [
        FieldSchema(name="id", dtype=DataType.VARCHAR, is_primary=True, max_length=36),
        FieldSchema(name="embedding", dtype=DataType.FLOAT_VECTOR, dim=2),
    ]
    collection = Looking("gen", str(tmp_path), CollectionSchema(fields=fields))
    collection._wait_for_bg()
    collection.seen.clear()
    collection.insert([{"id": "a", "embedding": [1.0, 0.0]}])
    collection.flush()
    collection.close()
    assert collection.seen
    assert all(collection.seen)
    assert [part.num_rows for part in collection.view().parts] == [1, 0]


def test_hits_that_do_not_exist_are_padding() -> None:
    vectors = np.eye(3, 8, dtype=np.float32)
    found, distances = ExactWhenFew.build(vectors, "COSINE").search(vectors[:1], 5, np.array([True, False, True]))
    assert found.tolist() == [[0, 2, -1, -1, -1]]
    assert np.isinf(distances[0, 2:]).all()


def test_queries_are_read_as_the_stock_server_reads_them() -> None:
    vectors = np.random.default_rng(1).standard_normal((3, 5)).astype("<f4")
    values = [vector.tobytes() for vector in vectors]
    placeholder = common_pb2.PlaceholderValue(tag="$0", type=common_pb2.PlaceholderType.FloatVector, values=values)
    group = common_pb2.PlaceholderGroup(placeholders=[placeholder]).SerializeToString()
    assert np.array_equal(as_arrays(requests._decode_placeholder_group)(group), vectors)
    assert np.array_equal(requests._decode_placeholder_group(group), vectors)
