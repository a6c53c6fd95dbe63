"""Verification: one examination of a generation, what was checked, and what came of it."""

from django.db import models

from embeddings.models.collection import Generation


class VerificationState(models.TextChoices):
    """The life of an examination."""

    REQUESTED = "requested"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken", "broken off"


class Verification(models.Model):
    """One examination of a generation."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="verifications")
    state = models.CharField(max_length=16, choices=VerificationState, default=VerificationState.REQUESTED)
    checks = models.JSONField(default=list, blank=True)
    """One object for each check: `name`, `passed` (null where it only informs), `value`, `bar`, `sentence`."""
    message = models.TextField(blank=True)
    """Why it was broken off."""
    requested_by = models.CharField(max_length=150, blank=True)
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.generation_id}: {self.state}"
