"""TrackResult: the work of a job row by row, who holds it, and every transition."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone

from embeddings.errors import WorkerLost
from embeddings.models.collection import Generation, TrackVector, is_current
from embeddings.models.failure import TrackFailure
from embeddings.models.job import BatchJob
from embeddings.models.outcome import Done, Failed, Lease
from embeddings.models.tally import ResultState, TallyQuerySet
from embeddings.models.track import Track

LOST_ALONE = 2
"""A row whose workers died this often is claimed alone, so that it takes no other down with it."""
LOST_LIMIT = 3
"""A row whose workers died this often is not tried again."""
LOST_SENTENCE = f"{LOST_LIMIT} workers died while they had this track in hand; it is not tried again by itself."


class ResultQuerySet(TallyQuerySet):
    """Which operations, and their transitions."""

    def claimable(self, now: datetime) -> "ResultQuerySet":
        """Rows nobody works on: pending, or held under a lease that ran out."""
        return self.filter(Q(state=ResultState.PENDING) | Q(state=ResultState.RUNNING, lease_expires__lt=now))

    def next_generation(
        self, job_id: int, *, prefer: int | None = None, without: Collection[int] = ()
    ) -> Generation | None:
        """Generation of the operation that comes next; the preferred one as long as it has any.

        Args:
            job_id: of which job.
            prefer: number of a generation.
            without: numbers of generations that are left to others.

        """
        rows = self.filter(job_id=job_id).exclude(generation__in=without).select_related("generation")
        now = timezone.now()
        found = self._next_to_claim(rows.filter(generation=prefer), now) if prefer else None
        found = found or self._next_to_claim(rows, now)
        return found[0].generation if found else None

    @transaction.atomic
    def claim(
        self, lease: Lease, *, model: str, limit: int, suspects: bool = True, generation: int | None = None
    ) -> "list[TrackResult]":
        """Take up to `limit` rows of one model under the lease.

        Pending rows come first; rows of dead workers come last, those that may have
        killed them one at a time.

        Args:
            lease: who takes them.
            model: key of a spec.
            limit: how many at most.
            suspects: whether a row that took down several workers may be among them.
            generation: take only rows of this one; else rows of any generation of the model.

        """
        now = timezone.now()
        rows = self.filter(job_id=lease.job_id, model=model).exclude(lease=lease.token)
        rows = rows if generation is None else rows.filter(generation=generation)
        found = self._next_to_claim(rows if suspects else rows.filter(lost__lt=LOST_ALONE), now)
        if found is None:
            return []
        first, claimable = found
        # Rows that another worker is choosing at this moment are passed over instead of waited for.
        chosen = claimable.filter(lost=first.lost).select_for_update(skip_locked=True)
        ids = list(chosen.values_list("pk", flat=True)[: 1 if first.lost >= LOST_ALONE else limit])
        self.filter(pk__in=ids).update(
            lost=F("lost") + Case(When(state=ResultState.RUNNING, then=1), default=0),
            state=ResultState.RUNNING,
            lease=lease.token,
            worker=lease.worker,
            lease_expires=now + timedelta(seconds=lease.seconds),
            attempts=F("attempts") + 1,
            started_at=now,
        )
        return list(self.filter(pk__in=ids).order_by("pk").select_related("track__library", "generation"))

    @staticmethod
    def _next_to_claim(rows: "ResultQuerySet", now: datetime) -> "tuple[TrackResult, ResultQuerySet] | None":
        """The next row, and those of its kind that may be claimed with it."""
        pending = rows.filter(state=ResultState.PENDING).order_by("pk")
        expired = rows.filter(state=ResultState.RUNNING, lease_expires__lt=now).order_by("pk")
        for kind in (pending, expired):
            if (first := kind.first()) is not None:
                return first, kind
        return None

    def bury_lost(self, lease: Lease) -> int:
        """RUNNING -> FAILED (`worker_lost`) for rows that took down LOST_LIMIT workers."""
        now = timezone.now()
        expired = self.filter(job_id=lease.job_id, state=ResultState.RUNNING, lease_expires__lt=now)
        expired.filter(lost__gte=LOST_LIMIT - 1).update(lease=lease.token, started_at=now)
        rows = self.filter(lease=lease.token, state=ResultState.RUNNING, lease_expires__lt=now)
        return self.mark_failed(
            lease, [Failed.of(row, WorkerLost(LOST_SENTENCE)) for row in rows.select_related("track")]
        )

    def renew(self, lease: Lease) -> int:
        """Keep the rows in hand for another lease."""
        until = timezone.now() + timedelta(seconds=lease.seconds)
        return self.filter(lease=lease.token, state=ResultState.RUNNING).update(lease_expires=until)

    def release(self, lease: Lease, ids: Sequence[int] | None = None) -> int:
        """Give back rows in hand, all or some; they are pending again."""
        mine = self.filter(lease=lease.token, state=ResultState.RUNNING)
        if ids is not None:
            mine = mine.filter(pk__in=ids)
        return mine.update(state=ResultState.PENDING, lease="", lease_expires=None, attempts=F("attempts") - 1)

    def expire(self, worker: str, before: datetime) -> int:
        """End the leases of a worker that is known to be dead."""
        held = self.filter(worker=worker, state=ResultState.RUNNING, started_at__lt=before)
        return held.update(lease_expires=before)

    def move(self, job_id: int, generation: Generation) -> int:
        """Let all that a job does with a model go into one generation, whatever it was planned for.

        What is in hand for another is taken away, for its worker computes that one's vectors; what
        is done is to be done again, unless this one holds its vector.
        """
        unsettled = Q(state__in=[ResultState.PENDING, ResultState.RUNNING]) & ~Q(generation=generation)
        lacking = Q(state=ResultState.DONE, track__in=Track.objects.exclude(is_current(generation)))
        rows = self.filter(job_id=job_id, model=generation.model)
        return rows.filter(unsettled | lacking).update(
            generation=generation, state=ResultState.PENDING, lease="", lease_expires=None, finished_at=None, warning=""
        )

    def cancel_pending(self, job_id: int) -> int:
        """PENDING -> CANCELLED, and so for what dead workers held."""
        return (
            self.filter(job_id=job_id)
            .claimable(timezone.now())
            .update(state=ResultState.CANCELLED, lease="", lease_expires=None, finished_at=timezone.now())
        )

    def left_open(self, job_id: int) -> "ResultQuerySet":
        """Rows that are not settled."""
        return self.filter(job_id=job_id, state__in=[ResultState.PENDING, ResultState.RUNNING])

    def retry(self, job_id: int, *, codes: Sequence[str] = (), track_ids: Sequence[str] = ()) -> int:
        """FAILED -> PENDING, all of them or those of some codes or tracks."""
        failed = self.filter(job_id=job_id, state=ResultState.FAILED)
        if codes:
            failed = failed.filter(failure_code__in=codes)
        if track_ids:
            failed = failed.filter(track_id__in=track_ids)
        return failed.update(state=ResultState.PENDING, failure_code="", finished_at=None, lost=0)

    @transaction.atomic
    def mark_done(self, lease: Lease, outcomes: Sequence[Done]) -> int:
        """RUNNING -> DONE for the rows still held, with the fact that their vectors are stored."""
        now = timezone.now()
        held = self._held(lease, [done.result.pk for done in outcomes])
        kept = [done for done in outcomes if done.result.pk in held]
        for done in kept:
            row = done.result
            row.state, row.finished_at, row.lease = ResultState.DONE, now, ""
            row.seconds, row.audio_seconds, row.warning = done.seconds, done.audio_seconds, done.warning
        self.bulk_update(
            [done.result for done in kept], ["state", "finished_at", "lease", "seconds", "audio_seconds", "warning"]
        )
        TrackVector.objects.record(
            [
                TrackVector(
                    generation_id=done.result.generation_id,
                    track_id=done.result.track_id,
                    signature=done.result.track.signature,
                    stored_at=now,
                )
                for done in kept
            ]
        )
        return len(kept)

    @transaction.atomic
    def mark_failed(self, lease: Lease, outcomes: Sequence[Failed]) -> int:
        """RUNNING -> FAILED for the rows still held, each with its `TrackFailure`."""
        now = timezone.now()
        held = self._held(lease, [failed.result.pk for failed in outcomes])
        kept = [failed for failed in outcomes if failed.result.pk in held]
        for failed in kept:
            row = failed.result
            row.state, row.finished_at, row.lease, row.failure_code = ResultState.FAILED, now, "", failed.code
            row.seconds = failed.seconds
        self.bulk_update(
            [failed.result for failed in kept], ["state", "finished_at", "lease", "failure_code", "seconds"]
        )
        TrackFailure.objects.bulk_create([TrackFailure.of(failed, lease.worker) for failed in kept])
        return len(kept)

    def _held(self, lease: Lease, ids: Sequence[int]) -> set[int]:
        rows = self.select_for_update().filter(pk__in=ids, lease=lease.token, state=ResultState.RUNNING)
        return set(rows.values_list("pk", flat=True))


class TrackResult(models.Model):
    """One operation: one track by one model, in one job."""

    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="results")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="results")
    model = models.CharField(max_length=32)
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="results")
    state = models.CharField(max_length=16, choices=ResultState, default=ResultState.PENDING)
    lease = models.CharField(max_length=32, blank=True, db_index=True)
    lease_expires = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    """How many workers died with this row in hand."""
    retry_at = models.DateTimeField(null=True, blank=True)
    """Pending and not to be claimed before: an attempt failed in a way that may pass."""
    failure_code = models.CharField(max_length=32, blank=True)
    warning = models.TextField(blank=True)
    """What a listener would want to know about a file that was embedded all the same."""
    seconds = models.FloatField(null=True, blank=True)
    audio_seconds = models.FloatField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["job", "track", "model"], name="operation_once_per_job")]
        indexes = [
            models.Index(fields=["job", "state"], name="result_job_state"),
            models.Index(fields=["job", "finished_at"], name="result_job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.model} of {self.track_id}"
