"""The vector store in Milvus: a cluster, a standalone server, or the Lite server that we start ourselves."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus.exceptions import MilvusException

from embeddings.conf import StoreConfig
from embeddings.domain import Hit, SearchFilter, Vector, VectorRow
from embeddings.errors import BackendUnavailable, Refused
from embeddings.store import checks, milvus_index, milvus_schema
from embeddings.store.base import CollectionMissing, StoreHealth, VectorField
from embeddings.store.checks import Widths
from embeddings.store.milvus_client import Client, NotLoaded
from embeddings.store.milvus_filter import expression, one_of, quote

log = logging.getLogger(__name__)

PAGE = 10_000


class MilvusStore:
    """One server, one client, any number of threads."""

    def __init__(self, config: StoreConfig) -> None:
        self._client = Client(config)
        self._known: dict[str, Widths] = {}

    def create(self, collection: str, dimension: int, *, joint_dimension: int = 0) -> None:
        """Make the collection, its indexes, and load it; completes what a crash left half done."""
        widths = Widths(embedding=dimension, joint=joint_dimension)
        checks.check_name(collection)
        checks.check_widths(widths)
        found = self._describe(collection)
        if found is None:
            found = self._create(collection, widths)
        name, stored = found
        if name != collection:
            raise ValueError(f"{collection} is an alias; name the collection itself.")
        checks.check_same(collection, stored, widths)
        milvus_index.make(self._client, collection, widths)
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
        self._known.pop(collection, None)

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        return sorted(self._client.call("list_collections"))

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows; never `insert`, which keeps two rows of one id on a server."""
        if not rows:
            return
        came = Widths.of_row(rows[0])
        widths = self._widths(collection, fits=lambda known: known == came)
        checks.check_rows(rows, widths)
        for batch in checks.requests(rows, widths):
            self._client.call(
                "upsert", collection_name=collection, data=[milvus_schema.fields_of(row) for row in batch]
            )

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove rows by id."""
        for batch in checks.batches(list(dict.fromkeys(ids)), checks.REQUEST_ROWS):
            self._client.call("delete", collection_name=collection, filter=one_of("id", batch))

    def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
        """Stored vectors by id."""
        found: dict[str, Vector] = {}
        widths = self._widths(collection, fits=lambda known: known.of(field) > 0)
        size = checks.rows_per_request(checks.width_of(collection, widths, field))
        for batch in checks.batches(list(dict.fromkeys(ids)), size):
            rows = self._query(collection, one_of("id", batch), output_fields=["id", field], limit=len(batch))
            found |= {row["id"]: np.asarray(row[field], dtype=np.float32) for row in rows}
        return found

    def search(
        self,
        collection: str,
        vectors: NDArray[np.float32],
        *,
        limit: int,
        where: SearchFilter | None = None,
        field: VectorField = "embedding",
    ) -> list[list[Hit]]:
        """Nearest rows by cosine, as of a moment ago: waiting for the newest rows would cost 0.4 s."""
        checks.check_limit(limit)
        checks.check_filter(where or SearchFilter())
        wide = np.atleast_2d(np.asarray(vectors)).shape[1]
        widths = self._widths(collection, fits=lambda known: known.of(field) == wide)
        queries = checks.as_queries(vectors, checks.width_of(collection, widths, field))
        found = self._read(
            "search",
            collection,
            data=list(queries),
            anns_field=field,
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
        milvus_index.wait(self._client, *found)

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

    def _create(self, collection: str, widths: Widths) -> tuple[str, Widths]:
        """Make the collection; a server may refuse what another caller made in the meantime."""
        try:
            self._client.call(
                "create_collection",
                collection_name=collection,
                schema=milvus_schema.schema(widths),
                # What a call gets that says nothing; the client library cannot say it in a paged query.
                consistency_level="Strong",
            )
        except (MilvusException, BackendUnavailable):
            if (found := self._describe(collection)) is None:
                raise
            return found
        return collection, widths

    def _describe(self, name: str) -> tuple[str, Widths] | None:
        """The collection behind a name or alias, and its dimensions; None when nothing has the name."""
        checks.check_name(name)
        try:
            found = self._client.call("describe_collection", collection_name=name)
        except CollectionMissing:
            return None
        return found["collection_name"], milvus_schema.widths_of(found["fields"])

    def _widths(self, name: str, *, fits: Callable[[Widths], bool]) -> Widths:
        """Dimensions of a collection, asked for again when what we remember does not fit what the caller sends."""
        known = self._known.get(name)
        if known is None or not fits(known):
            found = self._describe(name)
            if found is None:
                raise CollectionMissing(name)
            known = found[1]
            if found[0] == name:  # an alias may point at another dimension by the next call
                self._known[name] = known
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
