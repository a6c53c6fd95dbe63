"""Reading collections of Milvus: what they are made of, and their rows page by page in order of their key."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pymilvus import DataType

from embeddings.domain import Labels, Vector, VectorRow
from embeddings.store import checks, milvus_schema
from embeddings.store.base import CollectionMissing, Shape
from embeddings.store.checks import Widths
from embeddings.store.milvus_client import Client, NotLoaded
from embeddings.store.milvus_filter import quote

log = logging.getLogger(__name__)

LABELS = tuple(field.name for field in dataclasses.fields(Labels))
IN_ORDER = {"iterator": "True", "reduce_stop_for_best": "True"}
"""What `query_iterator` sends, without its unbounded first call and its unquoted keys."""


def read(client: Client, method: str, collection: str, **arguments: Any) -> Any:
    """A call that needs the collection in memory; after a restart of the server, or a new name, it may not be."""
    try:
        return client.call(method, collection_name=collection, **arguments)
    except NotLoaded:
        log.info("loading again collection=%s", collection)
        client.call("load_collection", collection_name=collection)
        return client.call(method, collection_name=collection, **arguments)


def query(client: Client, collection: str, condition: str, **arguments: Any) -> list[dict[str, Any]]:
    """Rows by condition, including those written a moment ago; vectors as arrays, not as lists of numbers."""
    how = {"consistency_level": "Strong", "strict_float32": True}
    return list(read(client, "query", collection, filter=condition, **how, **arguments))


def pages(
    client: Client, collection: str, key: str, *, fields: Sequence[str], size: int, after: str = ""
) -> Iterator[list[dict[str, Any]]]:
    """All rows whose text key comes after one, in order of it, so many at a time."""
    last, wanted = after, list(fields)
    while page := query(client, collection, f"{key} > {quote(last)}", output_fields=wanted, limit=size, **IN_ORDER):
        yield page
        last = page[-1][key]


def fields_of(client: Client, name: str) -> tuple[str, list[dict[str, Any]]] | None:
    """The collection behind a name or alias, and its fields; None when nothing has the name."""
    checks.check_name(name)
    try:
        found = client.call("describe_collection", collection_name=name)
    except CollectionMissing:
        return None
    return found["collection_name"], found["fields"]


def describe(client: Client, name: str) -> tuple[str, Widths] | None:
    """The collection behind a name or alias, and its dimensions; None when nothing has the name."""
    found = fields_of(client, name)
    return None if found is None else (found[0], milvus_schema.widths_of(found[1]))


def find(client: Client, name: str) -> tuple[str, Widths]:
    """The collection behind a name or alias, and its dimensions.

    Raises:
        CollectionMissing: nothing has the name.
    """
    found = describe(client, name)
    if found is None:
        raise CollectionMissing(name)
    return found


def own_fields(client: Client, name: str) -> list[dict[str, Any]]:
    """Fields of the collection that itself has this name.

    Raises:
        CollectionMissing: nothing has the name.
        ValueError: it is an alias.
    """
    found = fields_of(client, name)
    if found is None:
        raise CollectionMissing(name)
    refuse_alias(name, found[0])
    return found[1]


def refuse_alias(name: str, real: str) -> None:
    """Refuse an alias where a collection is meant."""
    if real != name:
        raise ValueError(f"{name} is an alias; name the collection itself.")


def label_fields(widths: Widths) -> list[str]:
    """Fields of a collection that labels are read from."""
    return [name for name in LABELS if name not in widths.lacks]


def labels_of(fields: dict[str, Any]) -> Labels:
    """What lies beside a row's vectors, as the client library gives it."""
    said = {name: fields[name] for name in LABELS if name in fields}
    return Labels(**said | {"genres": tuple(said.get("genres") or ())})


def row_of(fields: dict[str, Any]) -> VectorRow:
    """One row of a generation, as the client library gives it."""
    joint = fields.get("joint")
    own = np.asarray(fields["embedding"], dtype=np.float32)
    return labels_of(fields).row(fields["id"], own, None if joint is None else np.asarray(joint, dtype=np.float32))


def shape_of(fields: Sequence[dict[str, Any]]) -> Shape:
    """What a collection is made of, from its fields as the server describes them."""
    key = next(field for field in fields if field.get("is_primary"))
    vectors = {field["name"]: int(field["params"]["dim"]) for field in fields if field["type"] == DataType.FLOAT_VECTOR}
    named = key["name"] if key["type"] == DataType.VARCHAR else ""
    return Shape(key=named, vectors=vectors, lacks=milvus_schema.lacking(fields))


def keyed_pages(client: Client, collection: str, shape: Shape, *, after: str) -> Iterator[list[tuple[str, Vector]]]:
    """Text keys and `embedding` of a collection that anyone made."""
    size = checks.rows_per_page(shape.vectors["embedding"])
    fields = [shape.key, "embedding"]
    for page in pages(client, collection, shape.key, fields=fields, size=size, after=after):
        yield [(row[shape.key], np.asarray(row["embedding"], dtype=np.float32)) for row in page]
