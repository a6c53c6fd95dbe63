"""Counts of results: by state, of one job or several, and of tracks across models."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection, models, transaction
from django.db.models import Case, Count, Min, Q, Sum, When

from embeddings.reports import Tally

if TYPE_CHECKING:
    from embeddings.models.result import TrackResult  # noqa: F401 - named in a string that ruff does not read


class ResultState(models.TextChoices):
    """The life of one operation."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FIRST = (
    ResultState.RUNNING,
    ResultState.PENDING,
    ResultState.FAILED,
    ResultState.CANCELLED,
    ResultState.DONE,
)
"""Which state of its operations a track is in."""


@contextmanager
def _much_memory() -> Iterator[None]:
    """Let PostgreSQL group in memory: with its 4 MB it reads 300,000 rows one by one instead, four times as slow."""
    if connection.vendor != "postgresql":
        # SQLite would take the lock of a writer for it.
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '32MB'")
        yield


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
        # The state that counts for a track is the first of this order that any of its operations is in. An index
        # holds the states of each track side by side: of 300,000 rows none is read.
        place = Case(*(When(state=state, then=models.Value(number)) for number, state in enumerate(FIRST)))
        per_track = self.order_by().values("track_id").annotate(first=Min(place))
        with _much_memory():
            counts = per_track.aggregate(
                **{state.value: Count("track_id", filter=Q(first=number)) for number, state in enumerate(FIRST)}
            )
        return Tally(total=sum(counts.values()), **counts)

    def audio_seconds(self) -> float:
        """Seconds of music behind the rows that are done."""
        return self.aggregate(total=Sum("audio_seconds"))["total"] or 0.0
