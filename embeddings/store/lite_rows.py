"""Rows of Milvus Lite, on disk or still in memory, with what a search would otherwise work out each time."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from milvus_lite.search.indexed_filter import evaluate_segment_filter
from milvus_lite.storage.memtable import MemTable
from milvus_lite.storage.segment import Segment as StockSegment
from numpy.typing import NDArray

from embeddings.store.lite_index import Nearest, lengths, nearest, unit

Mask = NDArray[np.bool_]
RowNumbers = NDArray[np.int64]


class Segment(StockSegment):  # type: ignore[misc]
    """Rows that never change, each id once: those of one file, or those in memory as of a moment.

    The engine guarantees the second half: flushing takes one row of each id, and compaction keeps one.
    """

    __slots__ = ("__weakref__", "_contests", "_lengths")

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._lengths: dict[str, NDArray[np.float32]] = {}
        self._contests: WeakKeyDictionary[Segment, tuple[RowNumbers, RowNumbers]] = WeakKeyDictionary()

    def contest(self, later: "Segment") -> tuple[RowNumbers, RowNumbers]:
        """Rows here that the later segment has newer, and its rows that are newer here; each id has one newest.

        Remembered, for neither segment ever changes. A crash between flushing and clearing the log brings the same
        row back with the same time: then the later one counts.
        """
        found = self._contests.get(later)
        if found is None:
            common = self.pk_to_row.keys() & later.pk_to_row.keys()
            mine, others = (_numbers(segment.pk_to_row[key] for key in common) for segment in (self, later))
            older = self.seqs[mine] <= later.seqs[others]
            found = self._contests[later] = mine[older], others[~older]
        return found

    def deleted_by(self, deletions: Mapping[Any, int]) -> RowNumbers:
        """Rows that were deleted after they had been written, given the time of each deletion."""
        common = list(self.pk_to_row.keys() & deletions.keys())
        mine = _numbers(self.pk_to_row[key] for key in common)
        times = np.fromiter((deletions[key] for key in common), np.uint64, len(common))
        found: RowNumbers = mine[self.seqs[mine] < times]
        return found

    def passing(self, live: Mask | None, field: str, condition: Any, plan: Any) -> Mask | None:
        """Rows that count in a search by this field; None when all do."""
        _, present = self.vector_data(field)
        masks = [mask for mask in (live, present) if mask is not None]
        if condition is not None:
            masks.append(evaluate_segment_filter(self, condition, plan).astype(bool, copy=False))
        if not masks:
            return None
        together: Mask = np.logical_and.reduce(masks)
        return None if together.all() else together

    def nearest(self, field: str, queries: NDArray[np.float32], top_k: int, passing: Mask | None, how: Any) -> Nearest:
        """Nearest passing rows by cosine: by the index of the field, or one by one where none is built."""
        index = self.indexes.get(field)
        if index is not None:
            found: Nearest = index.search(queries, top_k, valid_mask=passing, params=how)
            return found
        vectors, _ = self.vector_data(field)
        if (known := self._lengths.get(field)) is None:
            known = self._lengths[field] = lengths(vectors)
        if passing is None:
            return nearest(1 - unit(queries) @ vectors.T / known, top_k, np.arange(self.num_rows))
        rows = np.flatnonzero(passing)
        return nearest(1 - unit(queries) @ vectors[rows].T / known[rows], top_k, rows)


def in_memory(table: MemTable, key: str) -> tuple[Segment, dict[Any, int]]:
    """What has not been flushed yet, as of one moment: the rows, and the time of each deletion."""
    with table._lock:
        keys, times, _, _, rows = table.to_search_snapshot(vector_field=None, include_table=True)
        deletions = {deleted: time for deleted, (time, _) in table.delete_index_snapshot().items()}
    segment = Segment(
        file_path="",
        partition="",
        pk_field=key,
        vector_field="",
        pks=keys,
        seqs=times,
        vectors=np.zeros((0, 0), dtype=np.float32),
        table=rows,
    )
    return segment, deletions


def version(table: MemTable) -> tuple[int, int, int]:
    """Differs after every write that a reader could see.

    A row adds a batch. A deletion takes a row out or adds a deletion; one that does neither repeats another.
    """
    with table._lock:
        return len(table._insert_batches), len(table._pk_index), len(table._delete_index)


def _numbers(found: Any) -> RowNumbers:
    return np.fromiter(found, dtype=np.int64)
