"""BatchJob: what a person asked for, its states, and every transition between them."""

import uuid
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from embeddings.domain import JobOptions
from embeddings.errors import JobAlreadyActive
from embeddings.models.finishing import FinishingQuerySet
from embeddings.models.moments import may_begin, stop_clock


class JobState(models.TextChoices):
    """The life of a job."""

    PLANNING = "planning"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Scope(models.TextChoices):
    """Which operations a job plans."""

    MISSING = "missing", "missing or stale"
    ALL = "all", "all tracks"
    FAILED = "failed", "failed before"
    SELECTION = "selection", "a selection"


ACTIVE = (JobState.PLANNING, JobState.RUNNING, JobState.WAITING, JobState.PAUSED, JobState.CANCELLING)
WAITING = "Waiting, and trying again by itself: "
"""How a message begins that is over as soon as something is embedded."""
FINISHED = (JobState.COMPLETED, JobState.COMPLETED_WITH_ERRORS, JobState.FAILED, JobState.CANCELLED)


class JobQuerySet(FinishingQuerySet):
    """Which jobs, and their transitions; each transition says whether it happened."""

    def active(self) -> "JobQuerySet":
        """The job that is not finished; the constraint allows one."""
        return self.filter(state__in=ACTIVE)

    def newest(self) -> "BatchJob | None":
        """The job that a person means who names none."""
        return self.order_by("-pk").first()

    def _move(self, job_id: int, origins: Sequence[JobState], target: JobState, **values: object) -> bool:
        return bool(self.filter(pk=job_id, state__in=origins).update(state=target, **values))

    def _finish(self, job_id: int, origins: Sequence[JobState], target: JobState, *, message: str) -> bool:
        now = timezone.now()
        ends = {"finished_at": now, "message": message, "retry_at": None, "outages": 0, "losses": 0}
        return self._move(job_id, origins, target, **ends, **stop_clock(now))

    def to_be_planned(self, job_id: int) -> bool:
        """Whether it waits for a planner now: nobody plans it, and no backend that is away has put it off."""
        now = timezone.now()
        free = self.filter(may_begin("planning_lease", now), pk=job_id, state=JobState.PLANNING)
        return free.filter(may_begin("retry_at", now)).exists()

    def claim_planning(self, job_id: int, seconds: float) -> str:
        """Take the right to plan; give the new planner's token, or "" while another holds it or planning is over."""
        now = timezone.now()
        free = self.filter(may_begin("planning_lease", now), pk=job_id, state=JobState.PLANNING)
        token = uuid.uuid4().hex
        claimed = free.update(planner=token, planning_lease=now + timedelta(seconds=seconds), retry_at=None)
        return token if claimed else ""

    def planned_by(self, job_id: int, planner: str) -> "JobQuerySet":
        """The job, as long as this planner has the right to plan it."""
        return self.filter(pk=job_id, state=JobState.PLANNING, planner=planner)

    def renew_planning(self, job_id: int, planner: str, seconds: float) -> bool:
        """Keep planning; false once another planner took it over, or the job was cancelled."""
        lease = timezone.now() + timedelta(seconds=seconds)
        return bool(self.planned_by(job_id, planner).update(planning_lease=lease))

    def mark_running(self, job_id: int, planner: str, *, skipped: int, message: str = "") -> bool:
        """PLANNING -> RUNNING, by the planner that has the right to, with what people should know at its start."""
        now = timezone.now()
        said = {"skipped": skipped, "resumed_at": now, "message": message, "planning_lease": None, "outages": 0}
        started = Coalesce(F("started_at"), Value(now, DateTimeField()))
        return bool(self.planned_by(job_id, planner).update(state=JobState.RUNNING, started_at=started, **said))

    def put_off_planning(self, job_id: int, message: str, retry_at: datetime) -> bool:
        """PLANNING stays: a backend is away, one outage more."""
        planning = self.filter(pk=job_id, state=JobState.PLANNING)
        return bool(planning.update(message=message, retry_at=retry_at, outages=F("outages") + 1))

    def mark_waiting(self, job_id: int, message: str, retry_at: datetime) -> bool:
        """RUNNING -> WAITING: a backend is away; one outage more."""
        waits = {"message": message, "retry_at": retry_at, "outages": F("outages") + 1}
        return self._move(job_id, [JobState.RUNNING], JobState.WAITING, **waits, **stop_clock(timezone.now()))

    def mark_due(self, job_id: int) -> bool:
        """WAITING -> RUNNING, once it is time to try again; the reason stays until something is embedded."""
        now = timezone.now()
        due = self.filter(may_begin("retry_at", now), pk=job_id, state=JobState.WAITING)
        return bool(due.update(state=JobState.RUNNING, resumed_at=now, retry_at=None))

    def mark_to_be_planned(self, job_id: int, message: str) -> bool:
        """RUNNING -> PLANNING: the store has lost a collection, which planning makes anew; one loss more."""
        anew = {"message": message, "planning_lease": None, "losses": F("losses") + 1}
        return self._move(job_id, [JobState.RUNNING], JobState.PLANNING, **anew, **stop_clock(timezone.now()))

    def mark_recovered(self, job_id: int) -> None:
        """RUNNING stays: something was embedded, so that whatever it waited for is over; what else is said stays."""
        waited = Q(outages__gt=0) | Q(message__startswith=WAITING)
        self.filter(waited, pk=job_id, state=JobState.RUNNING).update(message="", outages=0)

    def mark_paused(self, job_id: int) -> bool:
        """RUNNING or WAITING -> PAUSED."""
        origins = [JobState.RUNNING, JobState.WAITING]
        return self._move(job_id, origins, JobState.PAUSED, retry_at=None, **stop_clock(timezone.now()))

    def mark_resumed(self, job_id: int) -> bool:
        """PAUSED -> RUNNING; WAITING -> RUNNING before its time."""
        origins = [JobState.PAUSED, JobState.WAITING]
        return self._move(job_id, origins, JobState.RUNNING, retry_at=None, resumed_at=timezone.now())

    def mark_cancelling(self, job_id: int) -> bool:
        """PLANNING, RUNNING, WAITING or PAUSED -> CANCELLING."""
        origins = [JobState.PLANNING, JobState.RUNNING, JobState.WAITING, JobState.PAUSED]
        return self._move(job_id, origins, JobState.CANCELLING, retry_at=None)

    def mark_cancelled(self, job_id: int) -> bool:
        """CANCELLING -> CANCELLED."""
        return self._finish(job_id, [JobState.CANCELLING], JobState.CANCELLED, message="")

    def mark_completed(self, job_id: int, *, with_errors: bool, message: str = "") -> bool:
        """RUNNING -> COMPLETED or COMPLETED_WITH_ERRORS."""
        target = JobState.COMPLETED_WITH_ERRORS if with_errors else JobState.COMPLETED
        return self._finish(job_id, [JobState.RUNNING], target, message=message)

    def mark_failed(self, job_id: int, message: str) -> bool:
        """PLANNING, RUNNING or WAITING -> FAILED, with the reason."""
        origins = [JobState.PLANNING, JobState.RUNNING, JobState.WAITING]
        return self._finish(job_id, origins, JobState.FAILED, message=message)

    def mark_planning_again(self, job_id: int, *, complete: bool) -> bool:
        """A finished job -> PLANNING, because models may be computed otherwise by now.

        Args:
            job_id: which.
            complete: its rows are all there is to do; else planning adds what the scope names by now.

        Raises:
            JobAlreadyActive: another job is active.

        """
        if self.active().exclude(pk=job_id).exists():
            raise JobAlreadyActive("Another job is active; wait for it or cancel it first.")
        again = {"finished_at": None, "message": "", "planning_lease": None, "retry_at": None, "complete": complete}
        return self._move(job_id, FINISHED, JobState.PLANNING, **again)

    def note(self, job_id: int, message: str) -> None:
        """Say why an active job makes no progress at the moment; empty when it does."""
        self.filter(pk=job_id, state__in=ACTIVE).exclude(message=message).update(message=message)


class BatchJob(models.Model):
    """A person's request to embed tracks with models; its `TrackResult` rows are the work."""

    state = models.CharField(max_length=24, choices=JobState, default=JobState.PLANNING)
    scope = models.CharField(max_length=16, choices=Scope, default=Scope.MISSING)
    selection = models.JSONField(default=dict, blank=True)
    """For scope `selection`: `library`, `artist`, `album`, `ids`."""
    model_keys = models.JSONField(default=list)
    """Keys of `SPECS`, in the order they are worked on."""
    rebuild = models.BooleanField(default=False, db_default=False)
    """Whether its vectors go into a new generation even where nothing about their making changed."""
    options = models.JSONField(default=dict, blank=True, db_default={})
    """The fields of `domain.JobOptions`."""
    targets = models.JSONField(default=dict, blank=True, db_default={})
    """Number of the generation that it fills, for each model; written by planning."""
    requested_by = models.CharField(max_length=150, blank=True)
    skipped = models.PositiveIntegerField(default=0)
    """Operations that the scope named and that were current already."""
    message = models.TextField(blank=True)
    planning_lease = models.DateTimeField(null=True, blank=True)
    planner = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Token of who plans, or planned last; a planner that was taken for dead changes nothing any more."""
    finishing_lease = models.DateTimeField(null=True, blank=True)
    finisher = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Token of who finishes it, once nothing is left to do; or of who began to."""
    retry_at = models.DateTimeField(null=True, blank=True)
    """When it tries again, while it waits for a backend (WAITING, or PLANNING that was put off)."""
    outages = models.PositiveIntegerField(default=0, db_default=0)
    """How often in a row it had to wait; each makes the next wait longer."""
    losses = models.PositiveIntegerField(default=0, db_default=0)
    """How often the vector store had lost a collection that it filled."""
    complete = models.BooleanField(default=False, db_default=False)
    """Planned before and retried: planning brings its rows up to date and adds none."""
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    worked = models.DurationField(default=timedelta)
    """Time spent running, pauses and the time before a retry left out, until `resumed_at`."""
    resumed_at = models.DateTimeField(null=True, blank=True)
    """Since when it runs; empty while it does not."""

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = "job"
        ordering = ["-pk"]
        constraints = [
            # NULL for finished jobs, and NULLs do not collide: at most one row is 1.
            models.UniqueConstraint(Case(When(state__in=ACTIVE, then=Value(1))), name="one_active_job"),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    def elapsed(self, now: datetime) -> timedelta:
        """How long it has been worked on."""
        # A clock that was set back must not take away what was worked.
        since = now - self.resumed_at if self.resumed_at else timedelta()
        return self.worked + max(since, timedelta())

    @property
    def chosen(self) -> JobOptions:
        """How it is worked off; what an older version did not know is as it always was."""
        known = {option.name for option in fields(JobOptions)}
        return JobOptions(**{name: value for name, value in self.options.items() if name in known})

    def fills(self, generation_id: int) -> bool:
        """Whether its vectors go into a generation, or went while it was worked on."""
        return generation_id in self.targets.values() or self.results.filter(generation=generation_id).exists()

    @property
    def is_active(self) -> bool:
        """Whether it is not finished."""
        return self.state in ACTIVE
