"""Collections as the program before this one made them, by the same calls."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient


class Predecessor:
    """Another program with the same vector store."""

    def __init__(self, uri: str) -> None:
        self._client = MilvusClient(uri, timeout=10)

    def make(self, collection: str, dimension: int, *, key: str = "name") -> None:
        """Its schema and its indexes."""
        schema = CollectionSchema(
            [
                FieldSchema(key, DataType.VARCHAR, max_length=512, is_primary=True),
                FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=dimension),
                FieldSchema("offset", DataType.FLOAT),
                FieldSchema("model_id", DataType.VARCHAR, max_length=256),
            ],
            auto_id=False,
            enable_dynamic_field=False,
        )
        self._client.create_collection(collection, schema=schema, timeout=10)
        wanted = MilvusClient.prepare_index_params()
        wanted.add_index(key, index_type="INVERTED")
        hnsw = {"M": 50, "efConstruction": 250}
        wanted.add_index("embedding", index_type="HNSW", metric_type="COSINE", params=hnsw)
        self._client.create_index(collection, wanted, sync=False, timeout=10)

    def insert(self, collection: str, vectors: Mapping[str, Any]) -> None:
        """Insert, as it did, and never upsert."""
        rows: Sequence[Mapping[str, Any]] = [
            {"name": name, "embedding": vector, "offset": 0.0, "model_id": "OpenMuQ/MuQ-MuLan-large"}
            for name, vector in vectors.items()
        ]
        for start in range(0, len(rows), 100):
            self._client.insert(collection, list(rows[start : start + 100]), timeout=30)

    def wipe(self) -> None:
        """Leave an empty store."""
        for name in self._client.list_collections(timeout=10):
            for alias in self._client.list_aliases(collection_name=name, timeout=10)["aliases"]:
                self._client.drop_alias(alias, timeout=10)
            self._client.drop_collection(name, timeout=10)
