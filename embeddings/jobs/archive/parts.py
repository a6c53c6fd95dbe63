"""Parts of an archive: Parquet files of rows, each with its vectors and with what tells which track it is."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embeddings.domain import Vector
from embeddings.errors import Refused

ROW_GROUP = 1000
"""Rows that are packed, and read, together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArchivedRow:
    """One vector of a generation, and every name that its track goes by."""

    id: str
    embedding: Vector
    joint: Vector | None
    offset: float
    model_id: str
    signature: str
    """State of the file that the vector was made from."""
    stored_at: datetime
    library_source: str
    library_external_id: int
    library_name: str
    path: str
    navidrome_id: str
    recording_mbid: str
    title: str
    artist: str
    album: str
    duration: float | None

    @property
    def name(self) -> str:
        """`Artist - Title`, for people."""
        title = self.title or self.path.rsplit("/", 1)[-1]
        return f"{self.artist} - {title}" if self.artist else title


VECTORS = ("embedding", "joint")
KINDS: dict[object, Any] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
}
PLAIN = {field.name: KINDS[field.type] for field in dataclasses.fields(ArchivedRow) if field.name not in VECTORS}


def schema(dimension: int, joint_dimension: int) -> pa.Schema:
    """Columns of a part."""
    widths = {"embedding": dimension} | ({"joint": joint_dimension} if joint_dimension else {})
    vectors = [
        pa.field(name, pa.list_(pa.field("element", pa.float32(), nullable=False), width), nullable=False)
        for name, width in widths.items()
    ]
    plain = [pa.field(name, kind, nullable=name == "duration") for name, kind in PLAIN.items()]
    return pa.schema([*plain, *vectors])


class PartWriter:
    """One part while it is written; rows go to the disk page by page."""

    def __init__(self, path: Path, columns: pa.Schema) -> None:
        """Open the file."""
        self.rows = 0
        self._columns = columns
        # Numbers of a vector are as good as random: nothing is gained by packing them.
        packed = dict.fromkeys(PLAIN, "zstd") | {f"{name}.list.element": "none" for name in VECTORS}
        self._file = pq.ParquetWriter(path, columns, compression=packed, use_dictionary=False, write_statistics=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[ArchivedRow]) -> None:
        """Write rows."""
        if rows:
            columns = [_column(rows, field) for field in self._columns]
            self._file.write_batch(pa.record_batch(columns, schema=self._columns))
            self.rows += len(rows)


def check(path: Path, columns: pa.Schema, rows: int) -> None:
    """Refuse a file that is no part with these columns and so many rows.

    Raises:
        Refused: it is not.

    """
    try:
        with pq.ParquetFile(path) as file:
            found, counted = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{path} is no Parquet file.", code="bad_archive") from error
    if not found.equals(columns) or counted != rows:
        raise Refused(f"{path} does not hold the {rows:,} rows that its manifest says, as it says.", code="bad_archive")


def read(path: Path, *, rows: int = ROW_GROUP) -> Iterator[list[ArchivedRow]]:
    """Rows of a part that `check` has let through, so many at a time.

    Raises:
        Refused: its content is damaged.

    """
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield _rows(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}.", code="bad_archive") from error


def lacking(known: Iterable[str], paths: Iterable[Path]) -> list[str]:
    """Of some ids, those that no part holds."""
    wanted = pa.array(known, pa.string())
    held = [pq.read_table(path, columns=["id"], use_threads=False)["id"] for path in paths]
    chunks = [chunk for column in held for chunk in column.chunks]
    found = pc.is_in(wanted, value_set=pa.chunked_array(chunks, pa.string()))
    missing: list[str] = wanted.filter(pc.invert(found)).to_pylist()
    return missing


def _column(rows: Sequence[ArchivedRow], field: pa.Field) -> pa.Array:
    if field.name not in VECTORS:
        return pa.array([getattr(row, field.name) for row in rows], field.type)
    numbers = np.stack([getattr(row, field.name) for row in rows]).astype(np.float32, copy=False)
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), type=field.type)


def _rows(batch: pa.RecordBatch) -> list[ArchivedRow]:
    plain = {name: batch.column(name).to_pylist() for name in PLAIN}
    vectors = {name: _numbers(batch.column(name)) for name in VECTORS if name in batch.schema.names}
    joint: Iterable[Vector | None] = vectors["joint"] if "joint" in vectors else [None] * batch.num_rows
    return [
        ArchivedRow(embedding=own, joint=other, **dict(zip(plain, values, strict=True)))
        for own, other, values in zip(vectors["embedding"], joint, zip(*plain.values(), strict=True), strict=True)
    ]


def _numbers(column: pa.FixedSizeListArray) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=True)
    return numbers.reshape(len(column), column.type.list_size)
