"""Stores outcomes in batches: the vectors first, then the rows that say so."""

import time

from embeddings.domain import VectorRow
from embeddings.jobs.pipeline import Embedded, Outcome
from embeddings.models import Done, Failed, Lease, TrackResult
from embeddings.store.base import VectorStore

BATCH = 64
AGE_SECONDS = 2.0
"""How long an outcome waits for company; people watch the counts."""


class Writer:
    """Collects the outcomes of one lease; all rows of one model, maybe of several generations."""

    def __init__(self, lease: Lease, store: VectorStore) -> None:
        """Start empty."""
        self.settled = 0
        self._lease = lease
        self._store = store
        self._done: list[tuple[VectorRow, Done]] = []
        self._failed: list[Failed] = []
        self._oldest = 0.0

    def add(self, row: TrackResult, outcome: Outcome) -> None:
        """Take one outcome."""
        if not self._done and not self._failed:
            self._oldest = time.monotonic()
        if isinstance(outcome, Embedded):
            self._done.append((vector_row(row, outcome), _done(row, outcome)))
        else:
            self._failed.append(Failed.of(row, outcome.error, seconds=outcome.seconds))

    def flush_due(self) -> None:
        """Write when a batch is full or old enough."""
        waiting = len(self._done) + len(self._failed)
        if waiting >= BATCH or (waiting and time.monotonic() - self._oldest > AGE_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            BackendUnavailable: the store does not answer; nothing of this batch was marked.

        """
        for collection in {done.result.generation.collection for _, done in self._done}:
            rows = [row for row, done in self._done if done.result.generation.collection == collection]
            self._store.upsert(collection, rows)
        if self._done:
            self.settled += TrackResult.objects.mark_done(self._lease, [done for _, done in self._done])
        if self._failed:
            self.settled += TrackResult.objects.mark_failed(self._lease, self._failed)
        self._done, self._failed = [], []


def vector_row(row: TrackResult, outcome: Embedded) -> VectorRow:
    """Build what the store keeps of an embedded track."""
    track = row.track
    return VectorRow(
        id=outcome.track_id,
        name=track.name,
        embedding=outcome.embedding.vector,
        joint=outcome.embedding.joint,
        offset=outcome.offset,
        model_id=row.generation.model_id,
        library_id=track.library_id,
        artist_key=track.artist_key,
        album_key=track.album_key,
    )


def _done(row: TrackResult, outcome: Embedded) -> Done:
    return Done(result=row, seconds=outcome.seconds, audio_seconds=outcome.audio_seconds, warning=outcome.warning)
