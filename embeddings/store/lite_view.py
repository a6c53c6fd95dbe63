"""What readers of Milvus Lite see: one consistent state of a collection, remembered as long as nothing is written."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from milvus_lite.engine.collection import Collection as StockCollection
from milvus_lite.storage.memtable import MemTable

from embeddings.store.lite_rows import Mask, Segment, in_memory, version


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a collection is made of between two flushes."""

    segments: tuple[Segment, ...] = ()
    live: tuple[Mask, ...] = ()
    """By segment: which rows are the newest of their id on disk, and not deleted there."""
    memory: tuple[MemTable, ...] = ()
    """Oldest first: while a flush writes a table, newer rows already go into the next."""

    @classmethod
    def of(cls, segments: tuple[Segment, ...], deletions: Mapping[Any, int], memory: tuple[MemTable, ...]) -> Self:
        """Work out which rows on disk count; that costs a few milliseconds for what is new since the last time."""
        live = tuple(np.ones(segment.num_rows, dtype=bool) for segment in segments)
        settle(segments, live, {len(segments): deletions})
        return cls(segments=segments, live=live, memory=memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All rows of one moment, and which of them count."""

    standing: Standing
    versions: tuple[tuple[int, int, int], ...]
    parts: tuple[Segment, ...]
    live: tuple[Mask | None, ...]
    """By part; None where every row counts."""

    @classmethod
    def of(cls, standing: Standing, key: str) -> Self:
        """Read what lies in memory; a write in the meantime makes the next view differ, and not this one wrong."""
        read_from = versions(standing)
        read = [in_memory(table, key) for table in standing.memory]
        parts = (*standing.segments, *(segment for segment, _ in read))
        live = [mask.copy() for mask in standing.live]
        live += [np.ones(segment.num_rows, dtype=bool) for segment, _ in read]
        deletions = {len(standing.segments) + at + 1: deleted for at, (_, deleted) in enumerate(read)}
        settle(parts, live, deletions, known=len(standing.segments))
        return cls(
            standing=standing,
            versions=read_from,
            parts=parts,
            live=tuple(None if mask.all() else mask for mask in live),
        )

    def find(self, key: Any) -> tuple[int, int] | None:
        """Part and row of the one row that has the id."""
        for number in reversed(range(len(self.parts))):
            row = self.parts[number].pk_to_row.get(key)
            live = self.live[number]
            if row is not None and (live is None or live[row]):
                return number, row
        return None


def versions(standing: Standing) -> tuple[tuple[int, int, int], ...]:
    """What distinguishes the state of its memory from any later one."""
    return tuple(version(table) for table in standing.memory)


def settle(
    parts: tuple[Segment, ...], live: Any, deletions: Mapping[int, Mapping[Any, int]], *, known: int = 0
) -> None:
    """Unmark rows that are older than another of their id, or deleted.

    Args:
        parts: Oldest first.
        live: A mask for each, to be changed.
        deletions: Times of deletions, by the number of parts that came before them.
        known: As many parts have been compared with each other already.
    """
    for (early, first), (late, second) in itertools.combinations(enumerate(parts), 2):
        if late >= known:
            older, newer = first.contest(second)
            live[early][older] = False
            live[late][newer] = False
    for before, deleted in deletions.items():
        for part, mask in zip(parts[:before], live[:before], strict=True):
            mask[part.deleted_by(deleted)] = False


class Collection(StockCollection):  # type: ignore[misc]
    """A collection whose readers never wait for a flush or a compaction, and never see one half done."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self._publishing = threading.Lock()
        self._standing = Standing()
        self._seen: View | None = None
        super().__init__(*args, **keywords)

    @property
    def _memtable(self) -> MemTable:
        return self._writing

    @_memtable.setter
    def _memtable(self, table: MemTable) -> None:
        with self._publishing:
            self._writing = table
            self._standing = Standing(
                segments=self._standing.segments, live=self._standing.live, memory=(*self._standing.memory, table)
            )

    def _refresh_segment_cache(self) -> None:
        super()._refresh_segment_cache()
        self._publish()

    def drop_partition(self, partition_name: str) -> None:
        """Remove a partition; the engine forgets its rows in passing."""
        super().drop_partition(partition_name)
        self._publish()

    def view(self) -> View:
        """What a reader sees now."""
        standing, seen = self._standing, self._seen
        if seen is None or seen.standing is not standing or seen.versions != versions(standing):
            self._seen = seen = View.of(standing, self._pk_name)
        return seen

    def _publish(self) -> None:
        with self._publishing:
            # A table leaves when it is written: what is on disk reaches as far as this number.
            written = self._manifest.current_seq
            waiting = [table for table in self._standing.memory if table is self._writing or table.max_seq > written]
            segments = tuple(self._segment_cache.values())
            self._standing = Standing.of(segments, self._delta_index.snapshot, tuple(waiting))
            # Else the last view would keep segments in memory that a compaction has replaced.
            self._seen = None
