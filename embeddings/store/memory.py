"""A vector store in memory, exact: what tests use, and what recall is measured against."""

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import Hit, Labels, SearchFilter, Vector, VectorRow
from embeddings.errors import Refused
from embeddings.store import checks, filters
from embeddings.store.base import CollectionMissing, Shape, StoreHealth, VectorField

PAGE = 1000


@dataclass(slots=True, kw_only=True, eq=False)
class Collection:
    """Rows by id; `units` are their vectors at unit length, by field, made when a search needs them."""

    widths: checks.Widths
    rows: dict[str, VectorRow] = dataclasses.field(default_factory=dict)
    units: dict[VectorField, NDArray[np.float32]] = dataclasses.field(default_factory=dict)


class MemoryStore:
    """Compares with every row; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._collections: dict[str, Collection] = {}
        self._aliases: dict[str, str] = {}

    def create(self, collection: str, dimension: int, *, joint_dimension: int = 0) -> None:
        """Make the collection."""
        widths = checks.Widths(embedding=dimension, joint=joint_dimension)
        checks.check_name(collection)
        checks.check_widths(widths)
        with self._lock:
            self._refuse_alias(collection)
            found = self._collections.setdefault(collection, Collection(widths=widths))
            checks.check_same(collection, found.widths, widths)

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        with self._lock:
            self._refuse_alias(collection)
            if collection in self._aliases.values():
                raise Refused(f"An alias points at {collection}; move it first.", code="collection_in_use")
            self._collections.pop(collection, None)

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        with self._lock:
            return sorted(self._collections)

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write copies of the rows."""
        with self._lock:
            found = self._real(collection)
            checks.check_rows(rows, found.widths)
            found.rows |= {row.id: _kept(row) for row in rows}
            found.units.clear()

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove rows by id."""
        with self._lock:
            found = self._real(collection)
            for key in ids:
                found.rows.pop(key, None)
            found.units.clear()

    def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
        """Stored vectors by id."""
        with self._lock:
            found = self._read(collection)
            checks.width_of(collection, found.widths, field)
            return {key: _vector(found.rows[key], field).copy() for key in ids if key in found.rows}

    def labels(self, collection: str, ids: Sequence[str]) -> dict[str, Labels]:
        """What lies beside vectors."""
        with self._lock:
            found = self._read(collection)
            return {key: _labels(found.rows[key]) for key in ids if key in found.rows}

    def search(
        self,
        collection: str,
        vectors: NDArray[np.float32],
        *,
        limit: int,
        where: SearchFilter | None = None,
        field: VectorField = "embedding",
    ) -> list[list[Hit]]:
        """Nearest rows by cosine; ties by id."""
        checks.check_limit(limit)
        where = where or SearchFilter()
        filters.check_filter(where)
        with self._lock:
            found = self._read(collection)
            queries = checks.as_queries(vectors, checks.width_of(collection, found.widths, field))
            rows, units = list(found.rows.values()), _units(found, field)
        passing = np.flatnonzero([filters.passes(row, where) for row in rows])
        scores = _unit(queries) @ units[passing].T
        ids = np.array([rows[number].id for number in passing], dtype=str)
        return [_best(ids, line, limit) for line in scores]

    def count(self, collection: str) -> int:
        """Rows in the collection."""
        with self._lock:
            return len(self._read(collection).rows)

    def ids(self, collection: str) -> Iterator[list[str]]:
        """All ids, in pages."""
        with self._lock:
            found = sorted(self._read(collection).rows)
        for page in checks.batches(found, PAGE):
            yield list(page)

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        """Copies of whole rows in order of id, in pages."""
        with self._lock:
            found = self._read(collection)
            left = [found.rows[key] for key in sorted(found.rows) if key > after]
        for page in checks.batches(left, checks.rows_per_page(found.widths.total)):
            yield [_kept(row) for row in page]

    def shape(self, collection: str) -> Shape | None:
        """What a collection is made of."""
        with self._lock:
            found = self._collections.get(collection)
        if found is None:
            return None
        joint = {"joint": found.widths.joint} if found.widths.joint else {}
        return Shape(key="id", vectors={"embedding": found.widths.embedding} | joint)

    def keyed_vectors(self, collection: str, *, after: str = "") -> Iterator[list[tuple[str, Vector]]]:
        """Ids and vectors, in pages."""
        with self._lock:
            self._real(collection)
        for page in self.rows(collection, after=after):
            yield [(row.id, row.embedding) for row in page]

    def rename(self, collection: str, name: str) -> None:
        """Give the collection another name."""
        checks.check_name(name)
        with self._lock:
            found = self._real(collection)
            if name in self._collections or name in self._aliases:
                raise ValueError(f"The name {name} is taken.")
            self._collections[name] = found
            del self._collections[collection]
            self._aliases |= {alias: name for alias, target in self._aliases.items() if target == collection}

    def flush(self, collection: str) -> None:
        """Nothing waits to be written."""
        with self._lock:
            self._read(collection)

    def point_alias(self, alias: str, collection: str) -> None:
        """Create or move the alias."""
        checks.check_name(alias)
        with self._lock:
            if alias in self._collections:
                raise ValueError(f"{alias} is a collection and cannot be an alias as well.")
            self._real(collection)
            self._aliases[alias] = collection

    def remove_alias(self, alias: str) -> None:
        """Forget the alias."""
        with self._lock:
            self._aliases.pop(alias, None)

    def alias_target(self, alias: str) -> str | None:
        """The collection an alias points at."""
        with self._lock:
            return self._aliases.get(alias)

    def health(self) -> StoreHealth:
        """Always well."""
        return StoreHealth(uri="memory:", version=f"numpy {np.__version__}", collections=len(self.collections()))

    def close(self) -> None:
        """Nothing is open."""

    def _real(self, name: str) -> Collection:
        checks.check_name(name)
        self._refuse_alias(name)
        if name not in self._collections:
            raise CollectionMissing(name)
        return self._collections[name]

    def _read(self, name: str) -> Collection:
        return self._real(self._aliases.get(name, name))

    def _refuse_alias(self, name: str) -> None:
        if name in self._aliases:
            raise ValueError(f"{name} is an alias; name the collection itself.")


def _kept(row: VectorRow) -> VectorRow:
    vector = np.array(row.embedding, dtype=np.float32)
    joint = None if row.joint is None else np.array(row.joint, dtype=np.float32)
    name, genres = checks.cut_name(row.name), checks.genre_keys(row.genres)
    return dataclasses.replace(row, name=name, genres=genres, embedding=vector, joint=joint)


def _labels(row: VectorRow) -> Labels:
    return Labels(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Labels)})


def _vector(row: VectorRow, field: VectorField) -> Vector:
    vector: Vector | None = getattr(row, field)
    if vector is None:
        raise ValueError(f"{row.id} has no {field} vector.")
    return vector


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def _units(found: Collection, field: VectorField) -> NDArray[np.float32]:
    if field not in found.units:
        rows = [_vector(row, field) for row in found.rows.values()]
        empty = np.zeros((0, found.widths.of(field)), dtype=np.float32)
        found.units[field] = _unit(np.stack(rows)) if rows else empty
    return found.units[field]


def _best(ids: NDArray[np.str_], scores: NDArray[np.float32], limit: int) -> list[Hit]:
    order = np.lexsort((ids, -scores))[:limit]
    return [Hit(id=str(ids[number]), score=float(np.clip(scores[number], -1.0, 1.0))) for number in order]
