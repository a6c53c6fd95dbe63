"""The vector store in Milvus: a cluster, a standalone server, or the Lite server that we start ourselves."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus.exceptions import MilvusException

from embeddings.conf import StoreConfig
from embeddings.domain import Hit, Labels, SearchFilter, Vector, VectorRow
from embeddings.errors import BackendUnavailable, Refused
from embeddings.store import checks, filters, milvus_index, milvus_reading, milvus_schema
from embeddings.store.base import Shape, StoreHealth, VectorField
from embeddings.store.checks import Widths
from embeddings.store.milvus_client import Client
from embeddings.store.milvus_filter import expression, one_of

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
        found = milvus_reading.describe(self._client, collection)
        if found is None:
            found = self._create(collection, widths)
        milvus_reading.refuse_alias(collection, found[0])
        checks.check_same(collection, found[1], widths)
        milvus_index.make(self._client, collection, widths)
        self._client.call("load_collection", collection_name=collection)

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        found = milvus_reading.describe(self._client, collection)
        if found is None:
            return
        milvus_reading.refuse_alias(collection, found[0])
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
            fields = [milvus_schema.fields_of(row, lacks=widths.lacks) for row in batch]
            self._client.call("upsert", collection_name=collection, data=fields)

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

    def labels(self, collection: str, ids: Sequence[str]) -> dict[str, Labels]:
        """What lies beside vectors."""
        found: dict[str, Labels] = {}
        fields = ["id", *milvus_reading.label_fields(self._widths(collection))]
        for batch in checks.batches(list(dict.fromkeys(ids)), checks.REQUEST_ROWS):
            rows = self._query(collection, one_of("id", batch), output_fields=fields, limit=len(batch))
            found |= {row["id"]: milvus_reading.labels_of(row) for row in rows}
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
        where = where or SearchFilter()
        filters.check_filter(where)
        wide = np.atleast_2d(np.asarray(vectors)).shape[1]
        widths = self._widths(collection, fits=lambda known: known.of(field) == wide)
        filters.check_labels(collection, widths, where)
        queries = checks.as_queries(vectors, checks.width_of(collection, widths, field))
        found = milvus_reading.read(
            self._client,
            "search",
            collection,
            data=queries.tolist(),
            anns_field=field,
            limit=limit,
            filter=expression(where, lacks=widths.lacks),
            # Lite sends whole rows where nothing is named.
            output_fields=["id"],
            search_params=milvus_schema.search_params(limit, len(queries)),
            consistency_level="Bounded",
        )
        return [
            [
                Hit(id=key, score=min(1.0, max(-1.0, cosine)))
                for key, cosine in zip(hits.ids, hits.distances, strict=True)
            ]
            for hits in found
        ]

    def count(self, collection: str) -> int:
        """Rows that a reader would find now; the server's statistics count deleted rows as well."""
        return int(self._query(collection, "", output_fields=["count(*)"])[0]["count(*)"])

    def ids(self, collection: str) -> Iterator[list[str]]:
        """All ids in order, in pages; an alias is read once, so that moving it does not mix two generations."""
        name, _ = milvus_reading.find(self._client, collection)
        for page in milvus_reading.pages(self._client, name, "id", fields=["id"], size=PAGE):
            yield [row["id"] for row in page]

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        """Whole rows in order of id, in pages; an alias is read once."""
        name, widths = milvus_reading.find(self._client, collection)
        vectors = ["embedding", "joint"] if widths.joint else ["embedding"]
        fields = ["id", *vectors, *milvus_reading.label_fields(widths)]
        size = checks.rows_per_page(widths.total)
        for page in milvus_reading.pages(self._client, name, "id", fields=fields, size=size, after=after):
            yield [milvus_reading.row_of(row) for row in page]

    def flush(self, collection: str) -> None:
        """Seal what was written, and wait until it has an index."""
        name, widths = milvus_reading.find(self._client, collection)
        self._client.call("flush", collection_name=name)
        milvus_index.wait(self._client, name, widths)

    def shape(self, collection: str) -> Shape | None:
        """What a collection is made of."""
        found = milvus_reading.fields_of(self._client, collection)
        return None if found is None or found[0] != collection else milvus_reading.shape_of(found[1])

    def keyed_vectors(self, collection: str, *, after: str = "") -> Iterator[list[tuple[str, Vector]]]:
        """Keys and vectors in order of key, in pages."""
        shape = milvus_reading.shape_of(milvus_reading.own_fields(self._client, collection))
        checks.check_keyed(collection, shape)
        yield from milvus_reading.keyed_pages(self._client, collection, shape, after=after)

    def rename(self, collection: str, name: str) -> None:
        """Give the collection another name, and load it again: Lite forgets to."""
        milvus_reading.own_fields(self._client, collection)
        if milvus_reading.fields_of(self._client, name) is not None:
            raise ValueError(f"The name {name} is taken.")
        self._client.call("rename_collection", old_name=collection, new_name=name)
        self._known.pop(collection, None)
        self._client.call("load_collection", collection_name=name)

    def point_alias(self, alias: str, collection: str) -> None:
        """Create the alias or move it; whoever loses a race to create it moves it."""
        milvus_reading.own_fields(self._client, collection)
        named = milvus_reading.fields_of(self._client, alias)
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
        found = milvus_reading.fields_of(self._client, alias)
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
            if (found := milvus_reading.describe(self._client, collection)) is None:
                raise
            return found
        return collection, widths

    def _widths(self, name: str, *, fits: Callable[[Widths], bool] = lambda _: True) -> Widths:
        """Dimensions of a collection, asked for again when what we remember does not fit what the caller sends."""
        known = self._known.get(name)
        if known is None or not fits(known):
            real, known = milvus_reading.find(self._client, name)
            if real == name:  # an alias may point at another dimension by the next call
                self._known[name] = known
        return known

    def _query(self, collection: str, condition: str, **arguments: Any) -> list[dict[str, Any]]:
        return milvus_reading.query(self._client, collection, condition, **arguments)
