"""What any store refuses, whatever server is behind it: the strict side of every difference between servers."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import VectorRow
from embeddings.store.base import MAX_DIMENSION, MAX_LIMIT, MAX_NAME_BYTES, Shape, VectorField

T = TypeVar("T")

MAX_ID_BYTES = 36
MAX_KEY_BYTES = 64
MAX_MODEL_BYTES = 256
MAX_GENRES = 16
MAX_GENRE_BYTES = 64
MAX_WHOLE = 2**63 - 1
MIN_DIMENSION = 2
REQUEST_BYTES = 24 * 1024 * 1024
"""Vectors in one request; with the other fields it stays well below the 64 MB a server takes."""
REQUEST_ROWS = 1000
"""Rows or ids in one request, so that one request never takes many seconds."""
PAGE_BYTES = 4 * 1024 * 1024
"""Vectors in one page of rows that are read; the client library makes ten times as much of them on the way."""

COLLECTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """How long the vectors of a collection's rows are."""

    embedding: int
    joint: int = 0
    """0 when its rows have no second vector."""
    lacks: frozenset[str] = field(default=frozenset(), compare=False)
    """Labels that the collection has no field for; it is the same one for that."""

    @classmethod
    def of_row(cls, row: VectorRow) -> "Widths":
        """What a row brings."""
        return cls(embedding=np.size(row.embedding), joint=0 if row.joint is None else np.size(row.joint))

    def of(self, field: VectorField) -> int:
        """Length of one of them; 0 for one that is not there."""
        return self.joint if field == "joint" else self.embedding

    @property
    def total(self) -> int:
        """Numbers that travel with each row."""
        return self.embedding + self.joint

    def __str__(self) -> str:
        own = f"{self.embedding} dimensions"
        return f"{own} and {self.joint} joint ones" if self.joint else own


def check_name(collection: str) -> None:
    """Refuse names that a server refuses."""
    if not COLLECTION_NAME.fullmatch(collection):
        raise ValueError(f"{collection!r} is no name for a collection; use letters, digits and _, at most 128.")


def check_dimension(dimension: int) -> None:
    """Refuse dimensions that a server cannot index."""
    if not MIN_DIMENSION <= dimension <= MAX_DIMENSION:
        raise ValueError(f"A vector may have {MIN_DIMENSION} to {MAX_DIMENSION:,} dimensions, not {dimension:,}.")


def check_widths(widths: Widths) -> None:
    """Refuse a row whose vectors a server cannot index."""
    check_dimension(widths.embedding)
    if widths.joint:
        check_dimension(widths.joint)


def check_same(collection: str, stored: Widths, wanted: Widths) -> None:
    """Refuse to take a collection for one of other dimensions."""
    if stored != wanted:
        raise ValueError(f"The collection {collection} holds {stored}, not {wanted}.")


def width_of(collection: str, widths: Widths, field: VectorField) -> int:
    """Length of the vectors in a field; refuses the joint one where there is none."""
    width = widths.of(field)
    if not width:
        raise ValueError(f"The collection {collection} holds no joint vectors.")
    return width


def check_keyed(collection: str, shape: Shape) -> None:
    """Refuse to read a collection that has no text key, or no `embedding`."""
    if not shape.key or "embedding" not in shape.vectors:
        raise ValueError(f"The collection {collection} has no text as its key, or no float vectors `embedding`.")


def check_limit(limit: int) -> None:
    """Refuse limits outside of what a server takes."""
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"A search may ask for 1 to {MAX_LIMIT:,} hits, not {limit:,}.")


def check_text(text: str, most: int, what: str) -> None:
    """Refuse text that does not fit its field, or that no server stores as it is."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"The {what} {text!r} is no valid text.") from None
    if size > most or "\0" in text:
        raise ValueError(f"The {what} {text[:80]!r} is {size} bytes long; {most} bytes without NUL fit.")


def check_vectors(vectors: NDArray[np.float32], dimension: int, names: Sequence[str]) -> None:
    """Refuse vectors of [n, d] that have the wrong width, are not finite, or have no direction.

    Args:
        vectors: What is to be stored or searched for.
        dimension: What the collection holds.
        names: What to call each vector in the refusal.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        shape = "x".join(str(size) for size in vectors.shape)
        raise ValueError(f"The collection holds vectors of {dimension} dimensions; {names[0]} came as {shape}.")
    # In single precision, as a server computes it: what overflows or vanishes there has no cosine.
    with np.errstate(over="ignore"):
        squares = np.einsum("nd,nd->n", vectors, vectors)
    wrong = np.flatnonzero(~(np.isfinite(squares) & (squares > 0)))
    if wrong.size:
        raise ValueError(f"The vector of {names[int(wrong[0])]} is not finite or all zero.")


def as_queries(vectors: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """Query vectors [n, dimension] as float32, 1 to 16,384 of them."""
    queries = np.asarray(vectors, dtype=np.float32)
    if not 1 <= len(queries) <= MAX_LIMIT:
        raise ValueError(f"A search takes 1 to {MAX_LIMIT:,} query vectors, not {len(queries):,}.")
    check_vectors(queries, dimension, [f"query {number}" for number in range(len(queries))])
    return queries


def check_rows(rows: Sequence[VectorRow], widths: Widths) -> None:
    """Refuse rows that a server would refuse, or worse, would take."""
    for row in rows:
        if not row.id:
            raise ValueError("A row needs an id.")
        check_text(row.id, MAX_ID_BYTES, "id")
        check_text(row.model_id, MAX_MODEL_BYTES, "model id")
        check_text(row.artist_key, MAX_KEY_BYTES, "key")
        check_text(row.album_key, MAX_KEY_BYTES, "key")
        if not (0 <= row.year <= MAX_WHOLE and 0 <= row.seconds < math.inf):
            raise ValueError(f"{row.id} is said to be of the year {row.year} and {row.seconds} seconds long.")
        check_vectors(np.asarray(row.embedding, dtype=np.float32)[None], widths.embedding, [row.id])
        _check_joint(row, widths.joint)


def _check_joint(row: VectorRow, width: int) -> None:
    if row.joint is None:
        if width:
            raise ValueError(f"The collection holds joint vectors of {width} dimensions; {row.id} came without.")
    elif not width:
        raise ValueError(f"The collection holds no joint vectors; {row.id} came with one.")
    else:
        check_vectors(np.asarray(row.joint, dtype=np.float32)[None], width, [f"{row.id} (joint)"])


def cut_name(name: str) -> str:
    """The longest start of the name that fits its field: whole characters, no NUL, valid UTF-8."""
    return _cut(name, MAX_NAME_BYTES)


def genre_keys(genres: Iterable[str]) -> tuple[str, ...]:
    """Genres as rows keep them: each once, the first 16."""
    keys = dict.fromkeys(map(genre_key, genres))
    return tuple(key for key in keys if key)[:MAX_GENRES]


def genre_key(genre: str) -> str:
    """A genre as it is stored and compared: without case, spacing and Unicode form, cut to 64 bytes."""
    plain = " ".join(unicodedata.normalize("NFC", genre).casefold().split())
    return _cut(plain, MAX_GENRE_BYTES).strip()


def _cut(text: str, most: int) -> str:
    return text.replace("\0", "").encode(errors="replace")[:most].decode(errors="ignore")


def newest(rows: Sequence[VectorRow]) -> list[VectorRow]:
    """One row per id, the last one given: a server may keep both of two in one request."""
    return list({row.id: row for row in rows}.values())


def requests(rows: Sequence[VectorRow], widths: Widths) -> Iterator[Sequence[VectorRow]]:
    """Rows in requests of bounded bytes, both vectors counted; of two rows with one id only the later."""
    return batches(newest(rows), rows_per_request(widths.total))


def rows_per_request(numbers: int) -> int:
    """How many rows travel together, when each brings so many float32 numbers."""
    return max(1, min(REQUEST_ROWS, REQUEST_BYTES // (4 * numbers)))


def rows_per_page(numbers: int) -> int:
    """How many rows are read together, when each brings so many float32 numbers."""
    return max(1, min(REQUEST_ROWS, PAGE_BYTES // (4 * numbers)))


def batches(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive pieces of at most `size`."""
    for start in range(0, len(things), size):
        yield things[start : start + size]
