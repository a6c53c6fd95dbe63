"""TrackResult: the work of a job row by row, and every transition that settles or reopens it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from embeddings.errors import WorkerLost
from embeddings.models.claims import ClaimQuerySet
from embeddings.models.collection import Generation, TrackVector, is_current
from embeddings.models.failure import TrackFailure
from embeddings.models.job import BatchJob
from embeddings.models.outcome import Done, Failed, Lease
from embeddings.models.tally import ResultState
from embeddings.models.track import Track

LOST_LIMIT = 3
"""A row whose workers died this often is not tried again."""
LOST_SENTENCE = f"{LOST_LIMIT} workers died while they had this track in hand; it is not tried again by itself."


class ResultQuerySet(ClaimQuerySet):
    """What becomes of operations, and how they are taken up again."""

    def bury_lost(self, lease: Lease) -> int:
        """RUNNING -> FAILED (`worker_lost`) for rows that took down LOST_LIMIT workers."""
        now = timezone.now()
        killers = self.filter(job_id=lease.job_id, lost__gte=LOST_LIMIT - 1)
        killers.expired(now).update(lease=lease.token, started_at=now)
        rows = killers.expired(now).filter(lease=lease.token)
        return self.mark_failed(
            lease, [Failed.of(row, WorkerLost(LOST_SENTENCE)) for row in rows.select_related("track")]
        )

    def move(self, job_id: int, generation: Generation) -> int:
        """Let all that a job does with a model go into one generation, whatever it was planned for.

        What is in hand for another is taken away, for its worker computes that one's vectors; what
        is done is to be done again, unless this one holds its vector or the track is gone.
        """
        unsettled = Q(state__in=[ResultState.PENDING, ResultState.RUNNING]) & ~Q(generation=generation)
        lacking = Q(state=ResultState.DONE, track__in=Track.objects.present().exclude(is_current(generation)))
        rows = self.filter(job_id=job_id, model=generation.model)
        return rows.filter(unsettled | lacking).update(
            generation=generation,
            state=ResultState.PENDING,
            lease="",
            lease_expires=None,
            retry_at=None,
            finished_at=None,
            warning="",
        )

    def retry(self, job_id: int, *, codes: Sequence[str] = (), track_ids: Sequence[str] = ()) -> int:
        """FAILED -> PENDING, all of them or those of some codes or tracks; what would be tried later is tried now."""
        failed = Q(state=ResultState.FAILED) | Q(state=ResultState.PENDING, retry_at__isnull=False)
        rows = self.filter(failed, job_id=job_id)
        if codes:
            rows = rows.filter(failure_code__in=codes)
        if track_ids:
            rows = rows.filter(track_id__in=track_ids)
        again = {"failure_code": "", "finished_at": None, "retry_at": None}
        return rows.update(state=ResultState.PENDING, lost=0, retries=0, **again)

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
        self._overwrite(
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
        """RUNNING -> FAILED for the rows still held; RUNNING -> PENDING, to be tried later, where it may pass.

        Each attempt is kept as a `TrackFailure`. Returns how many failed for good.
        """
        now = timezone.now()
        held = self._held(lease, [failed.result.pk for failed in outcomes])
        kept = [failed for failed in outcomes if failed.result.pk in held]
        for failed in kept:
            _settle(failed, now, lease.retries)
        fields = ["state", "finished_at", "lease", "failure_code", "seconds", "retry_at", "retries"]
        self._overwrite([failed.result for failed in kept], fields)
        TrackFailure.objects.bulk_create([TrackFailure.of(failed, lease.worker) for failed in kept])
        return sum(failed.result.state == ResultState.FAILED for failed in kept)

    def _overwrite(self, rows: "Sequence[TrackResult]", fields: Sequence[str]) -> None:
        # A conflict on the id turns the insert into an update, six times as fast as bulk_update's CASE WHEN.
        self.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=fields)

    def _held(self, lease: Lease, ids: Sequence[int]) -> set[int]:
        return set(self._in_hand(lease, ids).select_for_update().values_list("pk", flat=True))


def _settle(failed: Failed, now: datetime, retries: int) -> None:
    row, wait = failed.result, failed.wait_seconds(retries)
    row.lease, row.failure_code, row.seconds = "", failed.code, failed.seconds
    if wait is None:
        row.state, row.finished_at = ResultState.FAILED, now
    else:
        row.state, row.retries, row.retry_at = ResultState.PENDING, row.retries + 1, now + timedelta(seconds=wait)


class TrackResult(models.Model):
    """One operation: one track by one model, in one job."""

    # Every index below begins with the job; one of the job alone would only be chosen instead of a better one.
    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="results", db_index=False)
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
    retries = models.PositiveIntegerField(default=0, db_default=0)
    """How often it was tried again by itself, since it was planned or a person asked for it."""
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
            # Counts by state, and the next rows of a generation in their order, without a look at those before them.
            models.Index(fields=["job", "state", "generation", "id"], name="result_to_claim"),
            models.Index(fields=["job", "track", "state"], name="result_by_track"),
            models.Index(fields=["job", "retry_at"], name="result_put_off", condition=Q(retry_at__isnull=False)),
            models.Index(fields=["job", "finished_at"], name="result_job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.model} of {self.track_id}"
