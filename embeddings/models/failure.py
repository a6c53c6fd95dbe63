"""TrackFailure: one failed attempt at one operation, kept for people who ask why."""

from django.db import models
from django.db.models import Exists, Max, OuterRef, Q

from embeddings.errors import TrackError, all_subclasses
from embeddings.models.collection import Generation, is_current
from embeddings.models.job import BatchJob
from embeddings.models.outcome import Failed
from embeddings.models.track import Track


def failure_codes() -> list[tuple[str, str]]:
    """Every stable code with its meaning, for filters."""
    first_lines = {sub.code: (sub.__doc__ or sub.code).partition("\n")[0] for sub in all_subclasses(TrackError)}
    found = {code: line.split(";")[0].rstrip(".") for code, line in first_lines.items()}
    return sorted(found.items())


class FailureQuerySet(models.QuerySet["TrackFailure"]):
    """Which failures."""

    def of_failed_results(self, job: BatchJob) -> "FailureQuerySet":
        """The newest attempt of each operation of a job that is failed now, by path."""
        failed = self.filter(job=job, result__state="failed")
        newest = failed.order_by().values("result").annotate(newest=Max("pk"))
        return self.filter(pk__in=newest.values("newest")).order_by("path")

    def latest_of(self, track: Track, model: str) -> "TrackFailure | None":
        """Why this state of a track's file could not be embedded, if it could not."""
        return self.filter(track=track, model=model, signature=track.signature).order_by("-pk").first()


class TrackFailure(models.Model):
    """One failed attempt: whose it was, the stable code, and a sentence."""

    result = models.ForeignKey("embeddings.TrackResult", on_delete=models.CASCADE, related_name="failures")
    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="failures")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="failures")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="failures")
    model = models.CharField(max_length=32)
    code = models.CharField(max_length=32, db_index=True)
    permanent = models.BooleanField()
    """Not tried again until the file changes."""
    message = models.TextField()
    traceback = models.TextField(blank=True)
    path = models.CharField(max_length=2048)
    signature = models.CharField(max_length=80)
    """State of the file that failed."""
    attempt = models.PositiveIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    seconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FailureQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.code}: {self.path}"

    @classmethod
    def of(cls, failed: Failed, worker: str) -> "TrackFailure":
        """The row for one failed attempt, not saved."""
        row = failed.result
        return cls(
            result=row,
            job_id=row.job_id,
            track_id=row.track_id,
            generation_id=row.generation_id,
            model=row.model,
            code=failed.code,
            permanent=failed.permanent,
            message=failed.message,
            traceback=failed.trace,
            path=row.track.path,
            signature=row.track.signature,
            attempt=row.attempts,
            worker=worker,
            seconds=failed.seconds,
        )


def has_failed(generation: Generation, *, permanently: bool) -> Exists:
    """Condition on tracks: this state of the file failed in the generation, and will again if permanently."""
    failures = TrackFailure.objects.filter(generation=generation, track=OuterRef("pk"), signature=OuterRef("signature"))
    return Exists(failures.filter(permanent=True) if permanently else failures)


def is_due(generation: Generation) -> Q:
    """Condition on tracks: the generation has no vector of the file as it is now, and nothing says that it cannot."""
    return ~Q(is_current(generation)) & ~Q(has_failed(generation, permanently=True))
