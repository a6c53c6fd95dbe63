"""Counts of results: by state, of one job or several, and of tracks across models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Count, Q, Sum, When

from embeddings.domain import Tally

if TYPE_CHECKING:
    from embeddings.models.result import TrackResult  # noqa: F401 - named in a string that ruff does not read


class ResultState(models.TextChoices):
    """The life of one operation."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TallyQuerySet(models.QuerySet["TrackResult"]):
    """How many operations are in which state."""

    def tally(self) -> Tally:
        """Operations by state."""
        counts = dict(self.order_by().values_list("state").annotate(Count("pk")))
        return Tally(total=sum(counts.values()), **counts)

    def tally_jobs(self, job_ids: Sequence[int]) -> dict[int, Tally]:
        """Operations by state of several jobs, in one query."""
        counts: dict[int, dict[str, int]] = {job_id: {} for job_id in job_ids}
        rows = self.filter(job_id__in=job_ids).order_by().values_list("job_id", "state").annotate(Count("pk"))
        for job_id, state, count in rows:
            counts[job_id][state] = count
        return {job_id: Tally(total=sum(by.values()), **by) for job_id, by in counts.items()}

    def tally_tracks(self) -> Tally:
        """Tracks by state: open while an operation is, failed when any failed, cancelled when any was."""
        open_states = [ResultState.PENDING, ResultState.RUNNING]
        per_track = (
            self.order_by()
            .values("track_id")
            .annotate(
                running=Count("pk", filter=Q(state=ResultState.RUNNING)),
                unsettled=Count("pk", filter=Q(state__in=open_states)),
                failed=Count("pk", filter=Q(state=ResultState.FAILED)),
                cancelled=Count("pk", filter=Q(state=ResultState.CANCELLED)),
            )
            .annotate(
                kind=Case(
                    When(running__gt=0, then=models.Value("running")),
                    When(unsettled__gt=0, then=models.Value("pending")),
                    When(failed__gt=0, then=models.Value("failed")),
                    When(cancelled__gt=0, then=models.Value("cancelled")),
                    default=models.Value("done"),
                )
            )
        )
        kinds = ("pending", "running", "done", "failed", "cancelled")
        counts = per_track.aggregate(**{kind: Count("track_id", filter=Q(kind=kind)) for kind in kinds})
        return Tally(total=sum(counts.values()), **counts)

    def audio_seconds(self) -> float:
        """Seconds of music behind the rows that are done."""
        return self.aggregate(total=Sum("audio_seconds"))["total"] or 0.0
