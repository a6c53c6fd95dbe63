"""What a job's page tells of its past: charts of its slices, its failures by class, and who did what to it."""

from typing import Any

from django.db.models import Count

from embeddings.admin.charts import duration_chart, failure_bars, rate_chart
from embeddings.admin.timeline import Slice
from embeddings.models import BatchJob, ResultState, SliceRecord, TrackFailure, TrackResult


def charts_of(job: BatchJob) -> dict[str, Any]:
    """Draw a job's charts, in three queries."""
    slices = _slices(job)
    failed = TrackResult.objects.filter(job=job, state=ResultState.FAILED).order_by()
    attempts = TrackFailure.objects.filter(job=job).order_by()
    drawn = (rate_chart(slices), duration_chart(slices))
    return {
        "charts": [chart for chart in drawn if chart],
        "failure_bars": failure_bars(
            dict(attempts.values_list("code").annotate(Count("pk"))),
            dict(failed.values_list("failure_code").annotate(Count("pk"))),
        ),
    }


def _slices(job: BatchJob) -> list[Slice]:
    # Plain tuples: a job of two days has six thousand.
    rows = SliceRecord.objects.filter(job=job).order_by().values_list("started_at", "finished_at", "done", "failed")
    return [
        Slice(start=started.timestamp(), end=finished.timestamp(), operations=done + failed)
        for started, finished, done, failed in rows
    ]
