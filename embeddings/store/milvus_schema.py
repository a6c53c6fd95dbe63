"""What a generation looks like in Milvus: its fields and indexes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from embeddings.domain import VectorRow
from embeddings.store.base import MAX_NAME_BYTES
from embeddings.store.checks import (
    MAX_GENRE_BYTES,
    MAX_GENRES,
    MAX_ID_BYTES,
    MAX_KEY_BYTES,
    MAX_MODEL_BYTES,
    Widths,
    cut_name,
    genre_keys,
)

VECTOR_FIELDS = frozenset({"embedding", "joint"})
VECTOR_INDEX = {"index_type": "HNSW", "metric_type": "COSINE", "params": {"M": 50, "efConstruction": 250}}
SCALAR_INDEX = {"index_type": "INVERTED"}
"""Both kinds are built by every server. Lite takes the names of others without an error and then builds nothing."""

INDEXES: dict[str, dict[str, Any]] = {
    "embedding": VECTOR_INDEX,
    "joint": VECTOR_INDEX,
    "library_id": SCALAR_INDEX,
    "artist_key": SCALAR_INDEX,
    "album_key": SCALAR_INDEX,
}
"""Index of each field that searches compare or filter by, where a collection has it; the primary key has its own."""

LATER_LABELS = frozenset({"year", "seconds", "genres", "missing"})
"""Fields that collections of the versions before 0.4 lack, and that no server before 2.6 adds to one.

They have no index: comparing each row costs Lite a millisecond per 100,000, and loading an index seconds.
"""

MIN_EF = 256
MANY, MANY_EF = 8, 128
"""So many queries need not walk as far: recall@100 of each is still 0.999 at 30,000 rows that are like music."""
MAX_EF = 32_768


def schema(widths: Widths) -> CollectionSchema:
    """Fields of one generation."""
    joint = [FieldSchema("joint", DataType.FLOAT_VECTOR, dim=widths.joint)] if widths.joint else []
    return CollectionSchema(
        [
            FieldSchema("id", DataType.VARCHAR, max_length=MAX_ID_BYTES, is_primary=True),
            FieldSchema("name", DataType.VARCHAR, max_length=MAX_NAME_BYTES),
            FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=widths.embedding),
            *joint,
            FieldSchema("offset", DataType.FLOAT),
            FieldSchema("model_id", DataType.VARCHAR, max_length=MAX_MODEL_BYTES),
            FieldSchema("library_id", DataType.INT64),
            FieldSchema("artist_key", DataType.VARCHAR, max_length=MAX_KEY_BYTES),
            FieldSchema("album_key", DataType.VARCHAR, max_length=MAX_KEY_BYTES),
            FieldSchema("year", DataType.INT64),
            FieldSchema("seconds", DataType.DOUBLE),
            FieldSchema(
                "genres",
                DataType.ARRAY,
                element_type=DataType.VARCHAR,
                max_capacity=MAX_GENRES,
                max_length=MAX_GENRE_BYTES,
            ),
            FieldSchema("missing", DataType.BOOL),
        ],
        auto_id=False,
        enable_dynamic_field=False,
    )


def fields_of(row: VectorRow, *, lacks: Collection[str] = ()) -> dict[str, Any]:
    """The row as the client library takes it, without what the collection has no field for."""
    joint = {} if row.joint is None else {"joint": np.asarray(row.joint, dtype=np.float32)}
    later = {
        "year": row.year,
        "seconds": float(row.seconds),
        "genres": list(genre_keys(row.genres)),
        "missing": row.missing,
    }
    kept = {name: value for name, value in later.items() if name not in lacks}
    return (
        joint
        | kept
        | {
            "id": row.id,
            "name": cut_name(row.name),
            "embedding": np.asarray(row.embedding, dtype=np.float32),
            "offset": float(row.offset),
            "model_id": row.model_id,
            "library_id": row.library_id,
            "artist_key": row.artist_key,
            "album_key": row.album_key,
        }
    )


def widths_of(fields: Sequence[Mapping[str, Any]]) -> Widths:
    """Dimensions of a collection, from its fields as the server describes them; 0 for what another's lacks."""
    found = {field["name"]: int(field["params"]["dim"]) for field in fields if field["name"] in VECTOR_FIELDS}
    return Widths(embedding=found.get("embedding", 0), joint=found.get("joint", 0), lacks=lacking(fields))


def lacking(fields: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Labels that a collection has no field for, from its fields as the server describes them."""
    return LATER_LABELS - {field["name"] for field in fields}


def indexed_fields(widths: Widths) -> set[str]:
    """Fields that get an index."""
    return INDEXES.keys() - (set() if widths.joint else {"joint"})


def index_of(field: str) -> Any:
    """The index that the field gets."""
    wanted = MilvusClient.prepare_index_params()
    wanted.add_index(field, index_name=field, **INDEXES[field])
    return wanted


def search_params(limit: int, queries: int = 1) -> dict[str, Any]:
    """How long the graph is walked; measured by `python -m bench.store`.

    Many queries of one request find what one of them misses, and each walk costs as much as that of a single one.
    """
    ef = max(MANY_EF, limit) if queries >= MANY else max(MIN_EF, 2 * limit)
    return {"metric_type": "COSINE", "params": {"ef": min(MAX_EF, ef)}}
