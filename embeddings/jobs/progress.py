"""A job's progress, counted from its rows."""

from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from django.utils import timezone

from embeddings import conf
from embeddings.models import BatchJob, JobState, ResultState, SliceRecord, TrackResult, WorkerState
from embeddings.reports import Progress, Tally, WorkerLine

RATE_WINDOW = timedelta(minutes=5)
SETTLING_SECONDS = 10.0
UNITS = ((172_800, 86_400, "day"), (7200, 3600, "hour"), (60, 60, "minute"), (float("-inf"), 1, "second"))
"""From how many seconds on a unit is used, how many it has, and its name."""


def progress_of(job: BatchJob) -> Progress:
    """Count the rows of a job as they are now."""
    rows = TrackResult.objects.filter(job=job)
    operations = rows.tally()
    now = timezone.now()
    rate = rate_of(job, now)
    # Claimed rows are embedded in the order of their numbers: the lowest is the one that is being heard.
    current = rows.filter(state=ResultState.RUNNING).order_by("pk").select_related("track").first()
    remaining = operations.total - operations.settled
    elapsed = job.elapsed(now).total_seconds()
    # The first seconds say nothing about the rest: models load, decoders start.
    foreseeable = job.state == JobState.RUNNING and elapsed > SETTLING_SECONDS
    slices = SliceRecord.objects.figures(job)
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
        # Hundreds of slices instead of hundreds of thousands of rows.
        audio_seconds=slices.audio_seconds if slices.slices else rows.audio_seconds(),
        current_model=current.model if current and job.is_active else "",
        current_track=current.track.name if current and job.is_active else "",
        message=job.message,
        failures=_failures(job),
        workers=tuple(_line(worker) for worker in WorkerState.objects.heard().filter(job=job)),
        stalled=stall_of(job, now),
        retry_at=job.retry_at,
        last_track=_last_track(job),
        waiting_retries=rows.put_off(job.pk).count(),
        slices=slices.slices,
        slice_seconds_median=slices.seconds_median,
        slice_seconds_p95=slices.seconds_p95,
        memory_mb=slices.memory_mb,
    )


def _failures(job: BatchJob) -> dict[str, int]:
    """Failed operations by code."""
    failed = TrackResult.objects.filter(job=job, state=ResultState.FAILED)
    return dict(failed.order_by().values_list("failure_code").annotate(Count("pk")))


def stall_of(job: BatchJob, now: datetime) -> str:
    """Say for how long nothing was settled, where that is long and nobody finishes the job, and who was heard last."""
    limit = conf.jobs().stall_seconds
    if job.state != JobState.RUNNING or job.resumed_at is None or limit <= 0:
        return ""
    if job.finishing_lease is not None and job.finishing_lease > now:
        return ""
    settled = TrackResult.objects.filter(job=job).aggregate(last=Max("finished_at"))["last"]
    silent = (now - max(job.resumed_at, settled or job.resumed_at)).total_seconds()
    if silent <= limit + job.chosen.delay_seconds:
        return ""
    worker = WorkerState.objects.filter(job=job).order_by("-updated_at").first()
    if worker is None:
        return f"No progress for {ago(silent)}; no worker has said anything of this job."
    heard = max(0.0, (now - worker.updated_at).total_seconds())
    return f"No progress for {ago(silent)}; {worker.name} was last heard of {ago(heard)} ago."


def ago(seconds: float) -> str:
    """Say a time as people do: `40 seconds`, `12 minutes`, `3 hours`."""
    length, unit = next((size, name) for least, size, name in UNITS if seconds >= least)
    number = int(seconds // length)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _last_track(job: BatchJob) -> str:
    """Name the track that was settled last; none where the last thing was a cancel."""
    settled = TrackResult.objects.filter(job=job, finished_at__isnull=False).order_by("-finished_at")
    last = settled.select_related("track").first()
    return last.track.name if last and last.state != ResultState.CANCELLED else ""


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


def rate_of(job: BatchJob, now: datetime) -> float | None:
    """Operations per second over the last minutes of work; a night in which nothing ran does not count."""
    until = job.finished_at or now
    recent = TrackResult.objects.filter(job=job, finished_at__gt=until - RATE_WINDOW, finished_at__lte=until)
    counted = recent.exclude(state=ResultState.CANCELLED).aggregate(count=Count("pk"), first=Min("started_at"))
    if not counted["count"]:
        return None
    since = max(counted["first"], until - RATE_WINDOW)
    return float(counted["count"] / max((until - since).total_seconds(), 1e-3))
