"""The vector store in Milvus: a cluster, a standalone server, or the Lite server that we start ourselves."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus.exceptions import MilvusException

from embeddings.conf import StoreConfig
from embeddings.domain import Hit, SearchFilter, Vector, VectorRow
from embeddings.errors import BackendUnavailable, Refused
from embeddings.store import checks, milvus_schema
from embeddings.store.base import CollectionMissing, StoreHealth
from embeddings.store.milvus_client import Client, NotLoaded
from embeddings.store.milvus_filter import expression, one_of, quote

log = logging.getLogger(__name__)

INDEX_SECONDS = 900.0
"""Building the graph of 100,000 rows takes about two minutes on two cores."""
PAGE = 10_000


class MilvusStore:
    """One server, one client, any number of threads."""

    def __init__(self, config: StoreConfig) -> None:
        self._client = Client(config)
        self._dimensions: dict[str, int] = {}

    def create(self, collection: str, dimension: int) -> None:
        """Make the collection, its indexes, and load it; completes what a crash left half done."""
        checks.check_name(collection)
        checks.check_dimension(dimension)
        found = self._describe(collection)
        if found is None:
            found = self._create(collection, dimension)
        name, stored = found
        if name != collection:
            raise ValueError(f"{collection} is an alias; name the collection itself.")
        if stored != dimension:
            raise ValueError(f"The collection {collection} holds {stored} dimensions, not {dimension}.")
        self._index(collection)
        self._client.call("load_collection", collection_name=collection)

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        found = self._describe(collection)
        if found is None:
            return
        if found[0] != collection:
            raise ValueError(f"{collection} is an alias; name the collection itself.")
        if self._client.call("list_aliases", collection_name=collection)["aliases"]:
            raise Refused(f"An alias points at {collection}; move it first.", code="collection_in_use")
        self._client.call("drop_collection", collection_name=collection)
        self._dimensions.pop(collection, None)

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        return sorted(self._client.call("list_collections"))

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows; never `insert`, which keeps two rows of one id on a server."""
        if not rows:
            return
        dimension = self._dimension(collection, expected=np.asarray(rows[0].embedding).size)
        checks.check_rows(rows, dimension)
        for batch in checks.batches(checks.newest(rows), checks.rows_per_request(dimension)):
            self._client.call(
                "upsert", collection_name=collection, data=[milvus_schema.fields_of(row) for row in batch]
            )

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove rows by id."""
        for batch in checks.batches(list(dict.fromkeys(ids)), checks.REQUEST_ROWS):
            self._client.call("delete", collection_name=collection, filter=one_of("id", batch))

    def fetch(self, collection: str, ids: Sequence[str]) -> dict[str, Vector]:
        """Stored vectors by id."""
        found: dict[str, Vector] = {}
        size = checks.rows_per_request(self._dimension(collection))
        for batch in checks.batches(list(dict.fromkeys(ids)), size):
            rows = self._query(collection, one_of("id", batch), output_fields=["id", "embedding"], limit=len(batch))
            found |= {row["id"]: np.asarray(row["embedding"], dtype=np.float32) for row in rows}
        return found

    def search(
        self, collection: str, vectors: NDArray[np.float32], *, limit: int, where: SearchFilter | None = None
    ) -> list[list[Hit]]:
        """Nearest rows by cosine, as of a moment ago: waiting for the newest rows would cost 0.4 s."""
        checks.check_limit(limit)
        checks.check_filter(where or SearchFilter())
        wide = np.atleast_2d(np.asarray(vectors)).shape[1]
        queries = checks.as_queries(vectors, self._dimension(collection, expected=wide))
        found = self._read(
            "search",
            collection,
            data=list(queries),
            anns_field="embedding",
            limit=limit,
            filter=expression(where),
            search_params=milvus_schema.search_params(limit),
            consistency_level="Bounded",
        )
        return [[Hit(id=hit["id"], score=min(1.0, max(-1.0, hit["distance"]))) for hit in hits] for hits in found]

    def count(self, collection: str) -> int:
        """Rows that a reader would find now; the server's statistics count deleted rows as well."""
        return int(self._query(collection, "", output_fields=["count(*)"])[0]["count(*)"])

    def ids(self, collection: str) -> Iterator[list[str]]:
        """All ids in order, in pages; an alias is read once, so that moving it does not mix two generations."""
        found = self._describe(collection)
        if found is None:
            raise CollectionMissing(collection)
        last = ""
        # What `query_iterator` sends, without its unbounded first call and its unquoted ids.
        order = {"iterator": "True", "reduce_stop_for_best": "True"}
        while page := self._query(found[0], f"id > {quote(last)}", output_fields=["id"], limit=PAGE, **order):
            yield [row["id"] for row in page]
            last = page[-1]["id"]

    def flush(self, collection: str) -> None:
        """Seal what was written, and wait until it has an index."""
        found = self._describe(collection)
        if found is None:
            raise CollectionMissing(collection)
        self._client.call("flush", collection_name=found[0])
        deadline = time.monotonic() + INDEX_SECONDS
        pause = 0.02
        while not self._indexed(found[0]):
            if time.monotonic() > deadline:
                raise BackendUnavailable(f"The index of {found[0]} was not built within {INDEX_SECONDS:.0f} seconds.")
            time.sleep(pause)
            pause = min(1.0, 2 * pause)

    def point_alias(self, alias: str, collection: str) -> None:
        """Create the alias or move it; whoever loses a race to create it moves it."""
        checks.check_name(alias)
        found = self._describe(collection)
        if found is None:
            raise CollectionMissing(collection)
        if found[0] != collection:
            raise ValueError(f"{collection} is an alias; name the collection itself.")
        named = self._describe(alias)
        if named is not None and named[0] == alias:
            raise ValueError(f"{alias} is a collection and cannot be an alias as well.")
        if named is None:
            try:
                self._client.call("create_alias", collection_name=collection, alias=alias)
            except (MilvusException, BackendUnavailable):
                if self.alias_target(alias) is None:
                    raise
            else:
                return
        self._client.call("alter_alias", collection_name=collection, alias=alias)

    def remove_alias(self, alias: str) -> None:
        """Forget the alias."""
        if self.alias_target(alias) is not None:
            self._client.call("drop_alias", alias=alias)

    def alias_target(self, alias: str) -> str | None:
        """The collection an alias points at."""
        found = self._describe(alias)
        return found[0] if found is not None and found[0] != alias else None

    def health(self) -> StoreHealth:
        """Ask the server for its version."""
        version = self._client.call("get_server_version")
        return StoreHealth(uri=self._client.address, version=version, collections=len(self.collections()))

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _create(self, collection: str, dimension: int) -> tuple[str, int]:
        """Make the collection; a server may refuse what another caller made in the meantime."""
        try:
            self._client.call(
                "create_collection",
                collection_name=collection,
                schema=milvus_schema.schema(dimension),
                # What a call gets that says nothing; the client library cannot say it in a paged query.
                consistency_level="Strong",
            )
        except (MilvusException, BackendUnavailable):
            if (found := self._describe(collection)) is None:
                raise
            return found
        return collection, dimension

    def _index(self, collection: str) -> None:
        """Make the indexes that are missing; nothing is built before rows are flushed, so nothing is waited for."""
        present = set(self._client.call("list_indexes", collection_name=collection))
        for field in milvus_schema.INDEXES.keys() - present:
            wanted = milvus_schema.index_of(field)
            try:
                self._client.call("create_index", collection_name=collection, index_params=wanted, sync=False)
            except (MilvusException, BackendUnavailable) as error:
                if field in self._client.call("list_indexes", collection_name=collection):
                    continue
                if field == "embedding":
                    raise
                log.warning("filters go without an index collection=%s field=%s reason=%s", collection, field, error)

    def _indexed(self, collection: str) -> bool:
        found = self._client.call("describe_index", collection_name=collection, index_name="embedding")
        return found["state"] == "Finished" and not found["pending_index_rows"]

    def _describe(self, name: str) -> tuple[str, int] | None:
        """The collection behind a name or alias, and its dimension; None when nothing has the name."""
        checks.check_name(name)
        try:
            found = self._client.call("describe_collection", collection_name=name)
        except CollectionMissing:
            return None
        fields = {part["name"]: part for part in found["fields"]}
        return found["collection_name"], int(fields["embedding"]["params"]["dim"])

    def _dimension(self, name: str, *, expected: int | None = None) -> int:
        """Dimension of a collection, asked for again when what we remember is not what the caller expects."""
        known = self._dimensions.get(name)
        if known is None or (expected is not None and known != expected):
            found = self._describe(name)
            if found is None:
                raise CollectionMissing(name)
            known = found[1]
            if found[0] == name:  # an alias may point at another dimension by the next call
                self._dimensions[name] = known
        return known

    def _query(self, collection: str, condition: str, **arguments: Any) -> list[dict[str, Any]]:
        """Rows by condition, including those written a moment ago."""
        return list(self._read("query", collection, filter=condition, consistency_level="Strong", **arguments))

    def _read(self, method: str, collection: str, **arguments: Any) -> Any:
        """A call that needs the collection in memory; after a restart of the server it may not be."""
        try:
            return self._client.call(method, collection_name=collection, **arguments)
        except NotLoaded:
            log.info("loading again collection=%s", collection)
            self._client.call("load_collection", collection_name=collection)
            return self._client.call(method, collection_name=collection, **arguments)
