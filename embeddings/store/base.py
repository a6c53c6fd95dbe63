"""The protocol of a vector store: generations of vectors, and aliases that point at the live one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import Hit, Labels, SearchFilter, Vector, VectorRow

MAX_DIMENSION = 32_768
MAX_NAME_BYTES = 512
MAX_LIMIT = 16_384

VectorField = Literal["embedding", "joint"]
"""Which vector of a row: the model's own, or the second one, in a space shared with text."""


class CollectionMissing(LookupError):
    """No collection, and no alias, has this name; a caller that keeps to the generations never meets it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The vector store has no collection {name!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """What answers behind the store."""

    uri: str
    version: str
    collections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a collection is made of, whoever made it."""

    key: str
    """Name of its primary key; empty when that is no text."""
    vectors: Mapping[str, int]
    """Dimension of each of its float vectors, by field."""
    lacks: frozenset[str] = frozenset()
    """Labels that its rows have no field for, as in a collection that an earlier version made."""


class VectorStore(Protocol):
    """Vectors in, hits out.

    Every implementation passes `tests/embeddings/store/contract.py`. All methods raise
    `BackendUnavailable` when the store does not answer in time, and `ValueError` for what
    no caller may send (a wrong dimension, a vector that is not finite or all zero, a second vector
    where the collection has none or none where it has one, a limit outside 1..16,384, a collection
    name outside letters, digits and `_`), and `CollectionMissing`
    for a collection that is not there. `fetch`, `labels`, `search`, `count`, `ids`, `rows` and `flush` take the
    name of a collection or of an alias; the others take collections.
    """

    def create(self, collection: str, dimension: int, *, joint_dimension: int = 0) -> None:
        """Make the collection with its indexes and load it; nothing happens when it is there already.

        Args:
            collection: its name.
            dimension: length of `VectorRow.embedding`.
            joint_dimension: length of `VectorRow.joint`, which each row then has; 0 for rows without.

        Raises:
            ValueError: it is there already with other dimensions.
        """
        ...

    def drop(self, collection: str) -> None:
        """Remove a collection; nothing happens when it is gone already.

        Raises:
            Refused: an alias points at it (`collection_in_use`).
        """
        ...

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        ...

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows by id, replacing those that exist; splits into requests of bounded bytes.

        All rows are checked before the first is written. Of two rows with one id the later counts.
        Names are cut to 512 bytes at a whole character, and genres kept as `checks.genre_keys` makes
        them. Labels that the collection has no field for (`Shape.lacks`) are left out.
        """
        ...

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove rows by id; ids that are not there are no error."""
        ...

    def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
        """Stored vectors by id; ids without one are left out. Sees what was just written."""
        ...

    def labels(self, collection: str, ids: Sequence[str]) -> dict[str, Labels]:
        """What lies beside vectors, by id, without reading the vectors; ids without one are left out.

        A label that the collection has no field for is as where nobody knows it.
        """
        ...

    def search(
        self,
        collection: str,
        vectors: NDArray[np.float32],
        *,
        limit: int,
        where: SearchFilter | None = None,
        field: VectorField = "embedding",
    ) -> list[list[Hit]]:
        """Nearest rows by the cosine of one field for each of [n, its dimension] queries, best first, one request.

        Raises:
            Refused: the filter goes by labels that the collection has no field for (`labels_lacking`); but
                `SearchFilter.present` then leaves out nothing, for nothing is labelled as missing there.
        """
        ...

    def count(self, collection: str) -> int:
        """Rows that a reader would find now."""
        ...

    def ids(self, collection: str) -> Iterator[list[str]]:
        """All ids, in pages."""
        ...

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        """All rows whole, with both vectors, in order of id (as bytes), in pages of bounded bytes.

        What is written meanwhile may be seen or not, by where it stands; no row comes twice.

        Args:
            collection: which.
            after: leave out the ids up to and including this one: how a reading that was broken off goes on.
        """
        ...

    def shape(self, collection: str) -> Shape | None:
        """What a collection is made of, also one that this project did not make; None for an alias, or nothing."""
        ...

    def keyed_vectors(self, collection: str, *, after: str = "") -> Iterator[list[tuple[str, Vector]]]:
        """Primary key and `embedding` of every row of a collection that anyone made, in order of key, in pages.

        The vectors are as they are stored: of any length, perhaps not finite.

        Args:
            collection: its key has to be text.
            after: leave out the keys up to and including this one.
        """
        ...

    def rename(self, collection: str, name: str) -> None:
        """Give a collection another name, under which it can be read at once; aliases follow it.

        Raises:
            ValueError: the new name is taken.
        """
        ...

    def flush(self, collection: str) -> None:
        """Make what was written durable and indexed before this returns; may take minutes after a large job."""
        ...

    def point_alias(self, alias: str, collection: str) -> None:
        """Create the alias or move it, in one atomic step."""
        ...

    def remove_alias(self, alias: str) -> None:
        """Forget the alias and keep its collection; nothing happens when it is gone already."""
        ...

    def alias_target(self, alias: str) -> str | None:
        """The collection an alias points at."""
        ...

    def health(self) -> StoreHealth:
        """Ask the server for its version."""
        ...

    def close(self) -> None:
        """Give the connection back; the next call opens it again."""
        ...
