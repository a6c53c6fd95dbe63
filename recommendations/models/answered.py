"""Answered: what was asked and what was answered, for those who want to know whether another way would be better."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

KEPT = 100_000
"""Answers that are kept at most; the oldest go."""


class AnsweredQuerySet(models.QuerySet["Answered"]):
    """Which answers are kept."""

    def keep(self, row: "Answered", *, days: float, most: int = KEPT) -> None:
        """Write one, and forget those that are older than this many days, or too many."""
        row.save()
        self.filter(created_at__lt=timezone.now() - timedelta(days=days)).delete()
        # By number: to count them from the newest, a database walks through all, while others wait to write.
        self.filter(pk__lte=row.pk - most).delete()


class Answered(models.Model):
    """One request and its answer, without the vectors and without the name of who asked."""

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    door = models.CharField(max_length=16)
    """`api`, `admin`, `command`."""
    mode = models.CharField(max_length=32)
    personal = models.BooleanField(default=False)
    """Whether a listener's plays, stars and ratings had a part in it."""
    request = models.JSONField()
    """As `asked.written` writes it."""
    model_keys = models.JSONField(default=list)
    """Models that took part."""
    tracks = models.JSONField(default=list)
    """What was answered, in order: our id, the score, and the place before diversity, from 1."""
    warnings = models.JSONField(default=list)
    is_stub = models.BooleanField(default=False)
    seconds = models.FloatField()

    objects = AnsweredQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "answer"
        verbose_name_plural = "answers"

    def __str__(self) -> str:
        return f"Answer {self.pk}"

    @property
    def ids(self) -> list[str]:
        """Our ids of the tracks, in order."""
        return [track_id for track_id, _, _ in self.tracks]
