"""Stores outcomes in batches: the vectors first, then the rows that say so.

A worker may have been stopped for longer than its lease, or its clock set. It asks just before it
stores whether the rows are still its own, so that it does not write over what another has stored
meanwhile. Should it lose them between that question and the last row, the vector lies there twice
written under one id: harmless where both were made from the same file, else mended.
"""

import logging
import time
from collections.abc import Sequence

from embeddings.domain import VectorRow
from embeddings.jobs.pipeline import Embedded, Outcome
from embeddings.jobs.recording import Recorder
from embeddings.models import Done, Failed, Lease, ResultState, TrackResult, TrackVector
from embeddings.store.base import VectorStore

BATCH = 64
AGE_SECONDS = 2.0
"""How long an outcome waits for company; people watch the counts."""
DOUBTFUL = "doubtful"
"""Signature of no file: what lies in the store may have been made from an older state of it."""
UNSETTLED = (ResultState.PENDING, ResultState.RUNNING)

log = logging.getLogger(__name__)


class Writer:
    """Collects the outcomes of one lease; all rows of one model, maybe of several generations."""

    def __init__(self, lease: Lease, store: VectorStore, recorder: Recorder) -> None:
        """Start empty."""
        self.settled = 0
        self.stored = 0
        """Of these, those that have a vector now."""
        self._lease = lease
        self._store = store
        self._recorder = recorder
        self._done: list[tuple[VectorRow, Done]] = []
        self._failed: list[Failed] = []
        self._oldest = 0.0

    def add(self, row: TrackResult, outcome: Outcome) -> None:
        """Take one outcome."""
        if not self._done and not self._failed:
            self._oldest = time.monotonic()
        # One that was taken away and taken back has been embedded twice; the row is settled once.
        self._done = [(kept, done) for kept, done in self._done if done.result.pk != row.pk]
        self._failed = [failed for failed in self._failed if failed.result.pk != row.pk]
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
        kept = self._still_held()
        for collection in {done.result.generation.collection for _, done in kept}:
            self._store.upsert(
                collection, [row for row, done in kept if done.result.generation.collection == collection]
            )
        done, failed = [done for _, done in kept], self._failed
        stored = TrackResult.objects.mark_done(self._lease, done) if done else 0
        if stored < len(done):
            self._disown([outcome.result for outcome in done if outcome.result.state != ResultState.DONE])
        if failed:
            self.settled += TrackResult.objects.mark_failed(self._lease, failed)
        self.stored += stored
        self.settled += stored
        self._done, self._failed = [], []
        self._recorder.count(done, failed)

    def _still_held(self) -> list[tuple[VectorRow, Done]]:
        if not self._done:
            return []
        held = TrackResult.objects.hold(self._lease, [done.result.pk for _, done in self._done])
        return [(row, done) for row, done in self._done if done.result.pk in held]

    def _disown(self, rows: Sequence[TrackResult]) -> None:
        """Mend what was stored for rows that were lost meanwhile, where it may not be what belongs there."""
        for row in rows:
            log.warning("vector stored after the row was lost track=%s job=%s", row.track_id, row.job_id)
            known = TrackVector.objects.filter(generation=row.generation_id, track=row.track_id)
            others = TrackResult.objects.filter(generation=row.generation_id, track=row.track_id)
            if known.filter(signature=row.track.signature).exists():
                # Made from the same file: the same vector.
                continue
            if known.update(signature=DOUBTFUL) or others.filter(state__in=UNSETTLED).exists():
                # The next job embeds it again, or whoever has it now stores over it.
                continue
            self._store.delete(row.generation.collection, [str(row.track_id)])


def vector_row(row: TrackResult, outcome: Embedded) -> VectorRow:
    """Build what the store keeps of an embedded track."""
    # One that was adopted, or imported from an older model, holds no second vectors.
    joint = outcome.embedding.joint if row.generation.joint_dimension else None
    labels = row.track.labels(offset=outcome.offset, model_id=row.generation.model_id)
    return labels.row(outcome.track_id, outcome.embedding.vector, joint)


def _done(row: TrackResult, outcome: Embedded) -> Done:
    return Done(result=row, seconds=outcome.seconds, audio_seconds=outcome.audio_seconds, warning=outcome.warning)
