"""Collections as version 0.3 made them: without year, length, genres and presence beside a vector."""

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

LATER = frozenset({"year", "seconds", "genres", "missing"})
"""What it knew nothing of."""


def make_old(uri: str, name: str, dimension: int, *, joint_dimension: int = 0) -> None:
    """Make a collection with the schema of then, and load it."""
    joint = [FieldSchema("joint", DataType.FLOAT_VECTOR, dim=joint_dimension)] if joint_dimension else []
    schema = CollectionSchema(
        [
            FieldSchema("id", DataType.VARCHAR, max_length=36, is_primary=True),
            FieldSchema("name", DataType.VARCHAR, max_length=512),
            FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=dimension),
            *joint,
            FieldSchema("offset", DataType.FLOAT),
            FieldSchema("model_id", DataType.VARCHAR, max_length=256),
            FieldSchema("library_id", DataType.INT64),
            FieldSchema("artist_key", DataType.VARCHAR, max_length=64),
            FieldSchema("album_key", DataType.VARCHAR, max_length=64),
        ],
        auto_id=False,
        enable_dynamic_field=False,
    )
    client = MilvusClient(uri, timeout=30)
    client.create_collection(name, schema=schema, consistency_level="Strong")
    for field in ("embedding", *(["joint"] if joint else [])):
        wanted = MilvusClient.prepare_index_params()
        wanted.add_index(
            field, index_name=field, index_type="HNSW", metric_type="COSINE", params={"M": 50, "efConstruction": 250}
        )
        client.create_index(name, wanted, sync=False)
    client.load_collection(name)
    client.close()
