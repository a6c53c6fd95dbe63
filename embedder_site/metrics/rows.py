"""Metrics that the database knows: jobs, operations, failures, pace, generations and what workers said of themselves.

Each takes one query that an index answers, or one over rows of which a job has some thousands.
"""

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from embeddings.jobs.progress import rate_of, stall_of
from embeddings.models import (
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    ResultState,
    SliceRecord,
    Track,
    TrackFailure,
    TrackResult,
    TrackVector,
    WorkerState,
)


def of_rows() -> Iterator[Metric]:
    """Count.

    Raises:
        DatabaseError: the database is away.

    """
    generations = {generation.pk: generation for generation in Generation.objects.all()}
    yield _jobs()
    job = BatchJob.objects.active().first() or BatchJob.objects.newest()
    if job is not None:
        yield from _job(job, generations)
    yield from _history()
    yield from _generations(generations)
    yield GaugeMetricFamily("embedder_tracks", "Tracks whose file is there.", Track.objects.present().count())
    yield _workers()


def _jobs() -> Metric:
    """Jobs by state; states without a job are 0, so that nothing is missing where there was nothing yet."""
    counts = dict(BatchJob.objects.order_by().values_list("state").annotate(Count("pk")))
    metric = GaugeMetricFamily("embedder_jobs", "Jobs by state.", labels=["state"])
    for state in JobState.values:
        metric.add_metric([state], counts.get(state, 0))
    return metric


def _job(job: BatchJob, generations: dict[int, Generation]) -> Iterator[Metric]:
    """The active job, or the newest."""
    about = {"job": str(job.pk), "state": job.state, "scope": job.scope}
    info = GaugeMetricFamily("embedder_job_info", "The active job, or else the newest.", labels=list(about))
    info.add_metric(list(about.values()), 1)
    yield info
    yield _operations(job, generations)
    failed = TrackResult.objects.filter(job=job, state=ResultState.FAILED).order_by()
    yield _by_code(
        GaugeMetricFamily("embedder_job_failed_operations", "Its failed operations by class.", labels=["code"]),
        dict(failed.values_list("failure_code").annotate(Count("pk"))),
    )
    now = timezone.now()
    elapsed = job.elapsed(now).total_seconds()
    yield GaugeMetricFamily("embedder_job_worked_seconds", "How long it has been worked on.", elapsed)
    # Of a job that is over, the last pace would look like work.
    pace = (rate_of(job, now) or 0.0) if job.is_active else 0.0
    yield GaugeMetricFamily("embedder_job_operations_per_second", "Its pace over the last minutes.", pace)
    stalled = "1 while it runs and nothing is settled, for longer than JOB_STALL_SECONDS."
    yield GaugeMetricFamily("embedder_job_stalled", stalled, int(bool(stall_of(job, now))))
    outages = "How often in a row it had to wait for a service."
    yield GaugeMetricFamily("embedder_job_outages", outages, job.outages if job.is_active else 0)


def _operations(job: BatchJob, generations: dict[int, Generation]) -> Metric:
    metric = GaugeMetricFamily("embedder_job_operations", "Its operations.", labels=["model", "state"])
    # By generation, not by model: an index holds these two, and 300,000 rows are not read for it.
    rows = TrackResult.objects.filter(job=job).order_by().values_list("generation", "state").annotate(Count("pk"))
    counts: dict[tuple[str, str], int] = {(key, state): 0 for key in job.model_keys for state in ResultState.values}
    for key, state, count in rows:
        # One that was begun since the generations were read is counted next time.
        if generation := generations.get(key):
            place = (generation.model, state)
            counts[place] = counts.get(place, 0) + count
    for (model, state), count in sorted(counts.items()):
        metric.add_metric([model, state], count)
    return metric


def _history() -> Iterator[Metric]:
    """Counters over all jobs; they begin anew, as counters may, when rows are deleted."""
    attempts = dict(TrackFailure.objects.order_by().values_list("code").annotate(Count("pk")))
    yield _by_code(CounterMetricFamily("embedder_failed_attempts", "Failed attempts.", labels=["code"]), attempts)
    settled = CounterMetricFamily(
        "embedder_settled_operations", "Operations that were settled, slice by slice.", labels=["model", "outcome"]
    )
    heard = CounterMetricFamily("embedder_heard_seconds", "Music that was embedded.", labels=["model"])
    for model, done, failed, seconds in sorted(SliceRecord.objects.totals()):
        settled.add_metric([model, "done"], done)
        settled.add_metric([model, "failed"], failed)
        heard.add_metric([model], seconds)
    yield settled
    yield heard


def _generations(generations: dict[int, Generation]) -> Iterator[Metric]:
    counts = dict(TrackVector.objects.order_by().values_list("generation").annotate(Count("pk")))
    vectors = GaugeMetricFamily(
        "embedder_generation_vectors", "Vectors of a generation.", labels=["model", "generation", "state"]
    )
    live = GaugeMetricFamily("embedder_live_generation", "Number of the generation that is live.", labels=["model"])
    for number, generation in sorted(generations.items()):
        if generation.state != GenerationState.DROPPED:
            vectors.add_metric([generation.model, str(generation.number), generation.state], counts.get(number, 0))
        if generation.state == GenerationState.LIVE:
            live.add_metric([generation.model], generation.number)
    yield vectors
    yield live


def _workers() -> Metric:
    said = GaugeMetricFamily(
        "embedder_worker_report_timestamp_seconds",
        "When a worker that embeds last said what it does.",
        labels=["worker", "model"],
    )
    for row in WorkerState.objects.order_by("slot"):
        said.add_metric([row.slot, row.model], row.updated_at.timestamp())
    return said


def _by_code(metric: GaugeMetricFamily | CounterMetricFamily, counts: dict[str, int]) -> Metric:
    for code, count in sorted(counts.items()):
        metric.add_metric([code], count)
    return metric
