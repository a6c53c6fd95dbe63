"""AuditEntry: who did what to jobs and generations, and when."""

from typing import Any

from django.db import models

from embeddings.domain import Actor
from embeddings.models.collection import Generation
from embeddings.models.job import BatchJob

EMPTY: tuple[object, ...] = ("", None, [], {}, False)


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Which deeds."""

    def note(
        self,
        action: str,
        by: Actor,
        *,
        job: BatchJob | None = None,
        generation: Generation | None = None,
        details: dict[str, Any] | None = None,
    ) -> "AuditEntry":
        """Keep what was done, in the transaction that did it.

        Args:
            action: a verb: `start`, `cancel`, `promote`.
            by: who, and through which door.
            job: what it was done to.
            generation: what it was done to.
            details: what a reader would ask next, as JSON.

        """
        subject = str(generation or job or "")
        return self.create(
            action=action,
            actor=by.name[:150],
            door=by.door,
            job=job,
            generation=generation,
            subject=subject[:128],
            details=details or {},
        )


class AuditEntry(models.Model):
    """One deed; it stays when what it was done to is gone."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(max_length=32)
    actor = models.CharField(max_length=150, blank=True)
    door = models.CharField(max_length=16)
    job = models.ForeignKey(BatchJob, on_delete=models.SET_NULL, null=True, blank=True, related_name="deeds")
    generation = models.ForeignKey(Generation, on_delete=models.SET_NULL, null=True, blank=True, related_name="deeds")
    subject = models.CharField(max_length=128, blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

    @property
    def who(self) -> str:
        """The person and the door, for people: `ada (admin)`, `schedule`."""
        return f"{self.actor} ({self.door})" if self.actor else self.door

    @property
    def told(self) -> str:
        """The details, for people: `scope: all, models: acoustic muq`; what is empty is left out."""
        return ", ".join(f"{name}: {_in_words(value)}" for name, value in self.details.items() if value not in EMPTY)


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_in_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " ".join(_in_words(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
