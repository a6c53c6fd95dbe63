"""A job's progress, counted from its rows."""

from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.utils import timezone

from embeddings.domain import Progress, Tally, WorkerLine
from embeddings.models import BatchJob, JobState, ResultState, TrackResult, WorkerState

RATE_WINDOW = timedelta(minutes=5)
SETTLING_SECONDS = 10.0


def progress_of(job: BatchJob) -> Progress:
    """Count the rows of a job as they are now."""
    rows = TrackResult.objects.filter(job=job)
    operations = rows.tally()
    now = timezone.now()
    rate = _rate(job, now)
    # Claimed rows are embedded in the order of their numbers: the lowest is the one that is being heard.
    current = rows.filter(state=ResultState.RUNNING).order_by("pk").select_related("track").first()
    remaining = operations.total - operations.settled
    elapsed = job.elapsed(now).total_seconds()
    # The first seconds say nothing about the rest: models load, decoders start.
    foreseeable = job.state == JobState.RUNNING and elapsed > SETTLING_SECONDS
    return Progress(
        job_id=job.pk,
        state=job.state,
        operations=operations,
        tracks=operations if len(job.model_keys) == 1 else rows.tally_tracks(),
        skipped=job.skipped,
        percent=_percent(job, operations),
        rate=rate,
        eta_seconds=remaining / rate if rate and foreseeable else None,
        elapsed_seconds=elapsed,
        audio_seconds=rows.audio_seconds(),
        current_model=current.model if current and job.is_active else "",
        current_track=current.track.name if current and job.is_active else "",
        message=job.message,
        failures=dict(
            rows.filter(state=ResultState.FAILED).order_by().values_list("failure_code").annotate(Count("pk"))
        ),
        workers=tuple(_line(worker) for worker in WorkerState.objects.heard().filter(job=job)),
    )


def _line(worker: WorkerState) -> WorkerLine:
    return WorkerLine(
        slot=worker.slot,
        name=worker.name,
        model=worker.model,
        standing=worker.standing,
        sentence=worker.sentence,
        updated_at=worker.updated_at,
    )


def _percent(job: BatchJob, operations: Tally) -> float:
    if operations.total:
        return 100.0 * operations.worked / operations.total
    return 0.0 if job.is_active else 100.0


def _rate(job: BatchJob, now: datetime) -> float | None:
    """Operations per second over the last minutes of work; a night in which nothing ran does not count."""
    until = job.finished_at or now
    recent = TrackResult.objects.filter(job=job, finished_at__gt=until - RATE_WINDOW, finished_at__lte=until)
    counted = recent.exclude(state=ResultState.CANCELLED).aggregate(count=Count("pk"), first=Min("started_at"))
    if not counted["count"]:
        return None
    since = max(counted["first"], until - RATE_WINDOW)
    return float(counted["count"] / max((until - since).total_seconds(), 1e-3))
