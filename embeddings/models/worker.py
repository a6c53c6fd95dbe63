"""WorkerState: what each worker says that it does, for people who watch a job."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from embeddings.models.job import BatchJob

RECENT = timedelta(seconds=45)
"""A worker at work writes every few seconds; one that was silent for longer may be dead, and is not shown."""
KEPT = timedelta(days=1)
"""Slots that are named after a process never come back; their rows are removed after so long."""


class WorkerQuerySet(models.QuerySet["WorkerState"]):
    """Which workers, and what they say."""

    def heard(self) -> "WorkerQuerySet":
        """Workers that said something lately, by slot."""
        return self.filter(updated_at__gt=timezone.now() - RECENT).order_by("slot")

    def say(self, row: "WorkerState") -> None:
        """Write what a worker says, in place of what it said before."""
        row.updated_at = timezone.now()
        said = ["job", "model", "standing", "sentence", "updated_at"]
        self.bulk_create([row], update_conflicts=True, unique_fields=["slot"], update_fields=said)

    def forget(self, slot: str) -> None:
        """Remove the row of a worker that ended, and what ended without a word long ago."""
        self.filter(models.Q(slot=slot) | models.Q(updated_at__lt=timezone.now() - KEPT)).delete()


class WorkerState(models.Model):
    """One worker's own words about itself, by its slot."""

    slot = models.CharField(max_length=100, unique=True)
    job = models.ForeignKey(BatchJob, on_delete=models.SET_NULL, null=True, blank=True, related_name="workers")
    """The job it works on, or worked on last."""
    model = models.CharField(max_length=32, blank=True)
    """Key of the spec that is loaded; empty when none is."""
    standing = models.CharField(max_length=200, blank=True)
    """Device, precision and batch of the loaded model."""
    sentence = models.TextField()
    updated_at = models.DateTimeField(default=timezone.now)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["slot"]

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"

    @property
    def name(self) -> str:
        """The slot, for people: `worker 1 on attic` of `attic:4e2cd830:1`, or as it is when somebody named it."""
        host, colon, rest = self.slot.partition(":")
        return f"worker {rest.rpartition(':')[2]} on {host}" if colon else self.slot
