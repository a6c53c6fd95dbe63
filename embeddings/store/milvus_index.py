"""Indexes of a collection in Milvus: made when it is, waited for when its rows are to be found fast."""

import logging
import time

from pymilvus.exceptions import MilvusException

from embeddings.errors import BackendUnavailable
from embeddings.store import milvus_schema
from embeddings.store.checks import Widths
from embeddings.store.milvus_client import Client

log = logging.getLogger(__name__)

INDEX_SECONDS = 900.0
"""Building the graph of 100,000 rows takes about two minutes on two cores."""


def make(client: Client, collection: str, widths: Widths) -> None:
    """Make the indexes that are missing; nothing is built before rows are flushed, so nothing is waited for."""
    present = set(client.call("list_indexes", collection_name=collection))
    for field in milvus_schema.indexed_fields(widths) - present:
        wanted = milvus_schema.index_of(field)
        try:
            client.call("create_index", collection_name=collection, index_params=wanted, sync=False)
        except (MilvusException, BackendUnavailable) as error:
            if field in client.call("list_indexes", collection_name=collection):
                continue
            if field in milvus_schema.VECTOR_FIELDS:
                raise
            log.warning("filters go without an index collection=%s field=%s reason=%s", collection, field, error)


def wait(client: Client, collection: str, widths: Widths) -> None:
    """Wait until every flushed row is in the index of each of its vectors.

    Raises:
        BackendUnavailable: that took longer than `INDEX_SECONDS`.

    """
    fields = milvus_schema.indexed_fields(widths) & milvus_schema.VECTOR_FIELDS
    deadline = time.monotonic() + INDEX_SECONDS
    pause = 0.02
    while not all(_built(client, collection, field) for field in fields):
        if time.monotonic() > deadline:
            raise BackendUnavailable(f"The index of {collection} was not built within {INDEX_SECONDS:.0f} seconds.")
        time.sleep(pause)
        pause = min(1.0, 2 * pause)


def _built(client: Client, collection: str, field: str) -> bool:
    found = client.call("describe_index", collection_name=collection, index_name=field)
    return found["state"] == "Finished" and not found["pending_index_rows"]
