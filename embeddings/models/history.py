"""SliceRecord: how fast each slice of a job was, for charts and for `status`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.db.models import Count, Sum

from embeddings.models.job import BatchJob

RECENT = 1000
"""Slices that durations are taken from: the page of a running job asks every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFigures:
    """What the slices of a job say of its pace."""

    slices: int = 0
    audio_seconds: float = 0.0
    """Of music that was embedded in them."""
    seconds_median: float | None = None
    seconds_p95: float | None = None
    memory_mb: float | None = None
    """Of the largest worker, as the last slice of each saw it."""


class SliceQuerySet(models.QuerySet["SliceRecord"]):
    """Which slices, and what they add up to."""

    def figures(self, job: BatchJob) -> SliceFigures:
        """Add up a job's slices; how long they took, from the last thousand of them."""
        rows = self.filter(job=job)
        moments = rows.order_by("-pk").values_list("started_at", "finished_at", "worker", "memory_mb")[:RECENT]
        recent = list(moments)
        if not recent:
            return SliceFigures()
        seconds = [(end - start).total_seconds() for start, end, _, _ in recent]
        # Newest first: of each worker the first that is met counts.
        memory: dict[str, float | None] = {}
        for _, _, worker, held in recent:
            memory.setdefault(worker, held)
        whole = rows.aggregate(slices=Count("pk"), audio_seconds=Sum("audio_seconds"))
        return SliceFigures(
            **whole,
            seconds_median=quantile(seconds, 0.5),
            seconds_p95=quantile(seconds, 0.95),
            memory_mb=max((held for held in memory.values() if held is not None), default=None),
        )

    def totals(self) -> list[tuple[str, int, int, float]]:
        """Add up `done`, `failed` and `audio_seconds`, by model."""
        sums = self.order_by().values_list("model").annotate(Sum("done"), Sum("failed"), Sum("audio_seconds"))
        return list(sums)


class SliceRecord(models.Model):
    """What one worker settled between two moments: a slice, or a minute of a slow model."""

    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="slices")
    model = models.CharField(max_length=32)
    worker = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.JSONField(default=dict, blank=True)
    """Failed attempts by code, those that are tried again by themselves among them."""
    audio_seconds = models.FloatField(default=0.0)
    memory_mb = models.FloatField(null=True, blank=True)
    """Resident memory of the worker and its decoding children at the end."""

    objects = SliceQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["job", "finished_at"], name="slice_job_finished")]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.done + self.failed} by {self.worker}"


def quantile(values: Sequence[float], share: float) -> float:
    """Give the smallest of the values that at least this share of them does not exceed; there has to be one."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
