"""SliceRecord: how fast each slice of a job was, for charts and for `status`."""

from django.db import models

from embeddings.models.job import BatchJob


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
    """Failed attempts by code."""
    audio_seconds = models.FloatField(default=0.0)
    memory_mb = models.FloatField(null=True, blank=True)
    """Resident memory of the worker at the end."""

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["job", "finished_at"], name="slice_job_finished")]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.done + self.failed} by {self.worker}"
