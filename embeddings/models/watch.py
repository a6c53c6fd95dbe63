"""Watch: when the catalogue and the vectors followed the library last, and what kept them from it since."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone


class WatchQuerySet(models.QuerySet["Watch"]):
    """The one row."""

    def kept(self) -> "Watch":
        """The row; the first time it says that all is in step, for there is nothing yet to make up for."""
        return self.get_or_create(pk=1)[0]

    def mark_stepped(self, since: datetime) -> None:
        """All that the library said at this moment has been followed; what lies ahead was a clock that was wrong."""
        self.kept()
        behind = Q(stepped_at__lt=since) | Q(stepped_at__gt=timezone.now())
        self.filter(behind, pk=1).update(stepped_at=since)

    def mark_seen(self, scan: str) -> None:
        """What came of Navidrome's newest scan has been followed."""
        self.kept()
        self.filter(pk=1).exclude(scan=scan).update(scan=scan)

    def note(self, **reasons: str) -> bool:
        """Keep why something came to nothing (`trouble`, `unanswered`), or "" that it did not; whether that is news."""
        self.kept()
        return bool(self.filter(pk=1).exclude(**reasons).update(**reasons))


class Watch(models.Model):
    """One row; it outlives programs and the queue, so that what was missed meanwhile is made up for."""

    stepped_at = models.DateTimeField(default=timezone.now)
    """When the library was looked at that the catalogue and the vectors follow now."""
    scan = models.CharField(max_length=255, blank=True)
    """What Navidrome said of its newest scan before that look; empty before the first."""
    trouble = models.TextField(blank=True)
    """Why the last step came to nothing, or left out a model; empty after one that did not."""
    unanswered = models.TextField(blank=True)
    """Why Navidrome could not be asked the last time; empty when it could."""

    objects = WatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "watches"

    def __str__(self) -> str:
        return f"in step since {self.stepped_at:%Y-%m-%d %H:%M}"
