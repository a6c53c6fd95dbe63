"""Verification: one examination of a generation, who makes it, what was checked, and what came of it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from embeddings.domain import Actor
from embeddings.models.collection import Generation
from embeddings.models.lifecycle import GenerationState
from embeddings.models.moments import has_passed, may_begin

KEPT = (GenerationState.VERIFIED, GenerationState.LIVE, GenerationState.RETIRED)
"""States in which a generation stays when it passes."""
LEASE_SECONDS = 120.0
"""How long a silent worker keeps an examination; renewed while it reads, and before each slow step."""
SLOW_SECONDS = 1200.0
"""The same before a step in which nothing can be renewed: an index that is built, a model that is loaded."""
ATTEMPTS = 3
"""An examination whose workers died this often is broken off."""
LOST_SENTENCE = (
    f"Broken off: {ATTEMPTS} workers died while they examined it. The log of the worker says why; "
    "have it verified again when that is mended."
)


class VerificationState(models.TextChoices):
    """The life of an examination."""

    REQUESTED = "requested"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken", "broken off"


OPEN = (VerificationState.REQUESTED, VerificationState.RUNNING)
"""States in which no verdict is reached; a generation has at most one examination in them."""


class VerificationQuerySet(models.QuerySet["Verification"]):
    """Which examinations, and their transitions."""

    def request(self, generation: Generation, by: Actor) -> "Verification":
        """Ask for an examination; one that is open already is the one that was asked for."""
        opened = self.filter(generation=generation, state__in=OPEN)
        if (found := opened.first()) is not None:
            return found
        try:
            with transaction.atomic():
                return self.create(generation=generation, requested_by=(by.name or by.door)[:150])
        except IntegrityError:
            # Somebody else asked in the same moment.
            return opened.get()

    def due(self) -> "VerificationQuerySet":
        """Those that nobody works on: requested and not put off, or held under a lease that ran out."""
        now = timezone.now()
        requested = Q(may_begin("lease_expires", now), state=VerificationState.REQUESTED)
        lost = Q(has_passed("lease_expires", now), state=VerificationState.RUNNING)
        return self.filter(requested | lost)

    def take(self, verification_id: int, worker: str) -> "Verification | None":
        """REQUESTED -> RUNNING, or RUNNING under a dead worker -> RUNNING under this one; None when it is not due.

        Of two that try at the same time one succeeds. Who took it over from too many dead workers
        finds it BROKEN instead.
        """
        now, token = timezone.now(), uuid.uuid4().hex
        mine = self.due().filter(pk=verification_id)
        lost = mine.filter(state=VerificationState.RUNNING, attempts__gte=ATTEMPTS)
        if lost.update(
            state=VerificationState.BROKEN, message=LOST_SENTENCE, finished_at=now, lease="", lease_expires=None
        ):
            return None
        held = Generation.objects.filter(pk=OuterRef("generation")).values("writes")
        taken = mine.update(
            state=VerificationState.RUNNING,
            lease=token,
            lease_expires=now + timedelta(seconds=LEASE_SECONDS),
            worker=worker[:100],
            attempts=F("attempts") + 1,
            started_at=now,
            writes=Subquery(held[:1]),
            message="",
        )
        return self.get(pk=verification_id) if taken else None

    def renew(self, verification: "Verification", *, seconds: float = LEASE_SECONDS) -> bool:
        """Keep an examination for another lease; false when another worker took it over."""
        until = timezone.now() + timedelta(seconds=seconds)
        return bool(self._held(verification).update(lease_expires=until))

    def release(self, verification: "Verification", message: str = "", *, until: datetime | None = None) -> bool:
        """RUNNING -> REQUESTED: no fault of it nor of the generation's; it is taken up again, `until` at the earliest.

        Nobody died of it, so this attempt does not count.
        """
        return bool(
            self._held(verification).update(
                state=VerificationState.REQUESTED,
                message=message,
                lease="",
                lease_expires=until,
                attempts=F("attempts") - 1,
            )
        )

    @transaction.atomic
    def conclude(self, verification: "Verification", checks: Sequence[dict[str, Any]], *, passed: bool) -> bool:
        """RUNNING -> PASSED or FAILED, with what was found; false when another worker took it over.

        A generation that is searched, or was, keeps its state and notes when it passed last.
        """
        verdict = VerificationState.PASSED if passed else VerificationState.FAILED
        concluded = self._finish(verification, verdict, checks=list(checks))
        if concluded and passed:
            examined = Generation.objects.filter(pk=verification.generation_id, state__in=KEPT)
            examined.update(verified_at=timezone.now())
        return concluded

    def mark_broken(self, verification: "Verification", message: str) -> bool:
        """RUNNING -> BROKEN, with the reason."""
        return self._finish(verification, VerificationState.BROKEN, message=message)

    def expire(self, worker: str, before: datetime) -> int:
        """End the leases of a worker that is known to be dead."""
        held = self.filter(worker=worker, state=VerificationState.RUNNING, started_at__lt=before)
        return held.update(lease_expires=before)

    def _held(self, verification: "Verification") -> "VerificationQuerySet":
        return self.filter(pk=verification.pk, state=VerificationState.RUNNING, lease=verification.lease)

    def _finish(self, verification: "Verification", state: str, **said: object) -> bool:
        over = {"state": state, "finished_at": timezone.now(), "lease": "", "lease_expires": None}
        return bool(self._held(verification).update(**over, **said))


class Verification(models.Model):
    """One examination of a generation."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="verifications")
    state = models.CharField(max_length=16, choices=VerificationState, default=VerificationState.REQUESTED)
    checks = models.JSONField(default=list, blank=True)
    """One object for each check: `name`, `passed` (null where it only informs), `value`, `bar`, `sentence`."""
    message = models.TextField(blank=True)
    """Why it was broken off, or has to wait."""
    requested_by = models.CharField(max_length=150, blank=True)
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="", db_default="")
    """Slot of who makes it, or made it last."""
    lease = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Token of who makes it; a worker that was taken for dead changes nothing any more."""
    lease_expires = models.DateTimeField(null=True, blank=True)
    """Until when it is left to its worker; for a requested one, until when it is left alone."""
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    writes = models.PositiveBigIntegerField(default=0, db_default=0)
    """The generation's `writes` when it was taken; what came later was not examined."""

    objects = VerificationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation"], condition=Q(state__in=OPEN), name="one_open_verification_per_generation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.generation_id}: {self.state}"

    @property
    def is_open(self) -> bool:
        """Whether no verdict is reached yet."""
        return self.state in OPEN

    @property
    def failed_checks(self) -> list[dict[str, Any]]:
        """What it did not pass."""
        return [check for check in self.checks if check["passed"] is False]
