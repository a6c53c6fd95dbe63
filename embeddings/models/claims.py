"""Who works on which operations: claims under a lease, and everything that ends one without an outcome."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.utils import timezone

from embeddings.models.collection import Generation
from embeddings.models.job import BatchJob
from embeddings.models.moments import has_passed, may_begin
from embeddings.models.outcome import Lease
from embeddings.models.tally import ResultState, TallyQuerySet

if TYPE_CHECKING:
    from embeddings.models.result import TrackResult

LOST_ALONE = 2
"""A row whose workers died this often is claimed alone, so that it takes no other down with it."""


class ClaimQuerySet(TallyQuerySet):
    """Which operations can be worked on, and who holds them."""

    def due(self, now: datetime) -> "ClaimQuerySet":
        """Rows that wait for a worker; not those that are tried again later."""
        return self.filter(may_begin("retry_at", now), state=ResultState.PENDING)

    def expired(self, now: datetime) -> "ClaimQuerySet":
        """Rows whose worker let its lease run out."""
        return self.filter(has_passed("lease_expires", now), state=ResultState.RUNNING)

    def claimable(self, job_id: int) -> bool:
        """Whether there is anything to do now in a job."""
        now, rows = timezone.now(), self.filter(job_id=job_id)
        # Two questions that an index answers each, where one of both would read all rows of the job.
        return rows.due(now).exists() or rows.expired(now).exists()

    def claimable_beside(self, job_id: int, libraries: Collection[int]) -> bool:
        """Whether there is anything to do now in a job but what belongs to some libraries."""
        return self.exclude(track__library__in=libraries).claimable(job_id)

    def next_generation(
        self, job_id: int, *, prefer: int | None = None, without: Collection[int] = ()
    ) -> Generation | None:
        """Generation of the operation that comes next; the preferred one as long as it has any.

        Args:
            job_id: of which job.
            prefer: number of a generation.
            without: numbers of generations that are left to others.

        """
        now, allowed = timezone.now(), Generation.objects.exclude(pk__in=without)
        for generations in ([allowed.filter(pk=prefer)] if prefer else []) + [allowed]:
            for kind in (self.due(now), self.expired(now)):
                rows = kind.filter(job_id=job_id, generation=OuterRef("pk")).order_by("pk")
                first = Subquery(rows.values("pk")[:1])
                candidates = generations.annotate(first=first).filter(first__isnull=False)
                found: Generation | None = candidates.order_by("first").first()
                if found is not None:
                    return found
        return None

    @transaction.atomic
    def claim(
        self, lease: Lease, *, model: str, limit: int, suspects: bool = True, generation: int | None = None
    ) -> "list[TrackResult]":
        """Take up to `limit` rows of one model under the lease.

        Pending rows come first; rows of dead workers come last, those that may have
        killed them one at a time.

        Args:
            lease: who takes them.
            model: key of a spec.
            limit: how many at most.
            suspects: whether a row that took down several workers may be among them.
            generation: take only rows of this one; else rows of any generation of the model.

        """
        now = timezone.now()
        rows = self.filter(job_id=lease.job_id, model=model).exclude(lease=lease.token)
        rows = rows if generation is None else rows.filter(generation=generation)
        claimable, deaths = rows._next_to_claim(now, suspects=suspects)
        # Rows that another worker is choosing at this moment are passed over instead of waited for.
        chosen = claimable.select_for_update(skip_locked=True)
        ids = list(chosen.values_list("pk", flat=True)[: 1 if deaths >= LOST_ALONE else limit])
        self.filter(pk__in=ids).update(
            lost=F("lost") + Case(When(state=ResultState.RUNNING, then=1), default=0),
            state=ResultState.RUNNING,
            lease=lease.token,
            worker=lease.worker,
            lease_expires=now + timedelta(seconds=lease.seconds),
            attempts=F("attempts") + 1,
            started_at=now,
            retry_at=None,
            failure_code="",
        )
        return list(self.filter(pk__in=ids).order_by("pk").select_related("track__library", "generation"))

    def _next_to_claim(self, now: datetime, *, suspects: bool) -> "tuple[ClaimQuerySet, int]":
        """The rows that come next, and how many workers died with them; a lease that ran out tells of one more."""
        for kind, dying in ((self.due(now), 0), (self.expired(now), 1)):
            rows = kind if suspects else kind.filter(lost__lt=LOST_ALONE - dying)
            if (first := rows.order_by("pk").first()) is not None:
                return rows.filter(lost=first.lost).order_by("pk"), first.lost + dying
        return self.none(), 0

    def renew(self, lease: Lease) -> int:
        """Keep the rows in hand for another lease."""
        until = timezone.now() + timedelta(seconds=lease.seconds)
        return self.filter(lease=lease.token, state=ResultState.RUNNING).update(lease_expires=until)

    def hold(self, lease: Lease, ids: Sequence[int]) -> set[int]:
        """Keep some rows for another lease; give those that are still held.

        A worker that was stopped for longer than its lease, or whose clock was set, finds here that
        others have its rows by now.
        """
        self.filter(pk__in=ids).renew(lease)
        return set(self._in_hand(lease, ids).values_list("pk", flat=True))

    def _in_hand(self, lease: Lease, ids: Sequence[int]) -> "ClaimQuerySet":
        return self.filter(pk__in=ids, lease=lease.token, state=ResultState.RUNNING)

    def release(self, lease: Lease, ids: Sequence[int] | None = None) -> int:
        """Give back rows in hand, all or some; they are pending again."""
        mine = self.filter(lease=lease.token, state=ResultState.RUNNING)
        if ids is not None:
            mine = mine.filter(pk__in=ids)
        return mine.update(state=ResultState.PENDING, lease="", lease_expires=None, attempts=F("attempts") - 1)

    def desert(self, lease: Lease) -> int:
        """Leave rows in hand as a worker that dies leaves them, but at once."""
        mine = self.filter(lease=lease.token, state=ResultState.RUNNING)
        return mine.update(lease=uuid.uuid4().hex, lease_expires=timezone.now())

    def put_back(self, lease: Lease, ids: Sequence[int], until: datetime) -> int:
        """Give back rows in hand as if they had not been tried, to be left alone for a while."""
        given = {"state": ResultState.PENDING, "lease": "", "lease_expires": None, "attempts": F("attempts") - 1}
        return self._in_hand(lease, ids).update(retry_at=until, **given)

    def put_off_libraries(self, job_id: int, libraries: Collection[int], until: datetime) -> int:
        """Leave alone for a while what waits of some libraries."""
        waiting = self.due(timezone.now()).filter(job_id=job_id, track__library__in=libraries)
        return waiting.update(retry_at=until)

    def expire(self, worker: str, before: datetime) -> int:
        """End the leases of a worker that is known to be dead."""
        # What was claimed after now was claimed by the dead one too, before its clock was put right.
        claimed = Q(started_at__lt=before) | Q(started_at__gt=timezone.now())
        # Every worker asks when it starts: an index finds the rows of a job, where all there ever were would be read.
        rows = self.filter(claimed, job__in=BatchJob.objects.active(), worker=worker, state=ResultState.RUNNING)
        return rows.update(lease_expires=before)

    def held_by_others(self, lease: Lease) -> bool:
        """Whether another worker is at this job."""
        running = self.filter(job_id=lease.job_id, state=ResultState.RUNNING).exclude(lease=lease.token)
        return running.filter(~has_passed("lease_expires", timezone.now()), lease_expires__isnull=False).exists()

    def cancel_pending(self, job_id: int) -> int:
        """PENDING -> CANCELLED, and so for what dead workers held."""
        now = timezone.now()
        nobodys = Q(state=ResultState.PENDING) | (Q(state=ResultState.RUNNING) & has_passed("lease_expires", now))
        rows = self.filter(nobodys, job_id=job_id)
        return rows.update(
            state=ResultState.CANCELLED, lease="", lease_expires=None, retry_at=None, finished_at=timezone.now()
        )

    def left_open(self, job_id: int) -> "ClaimQuerySet":
        """Rows that are not settled."""
        return self.filter(job_id=job_id, state__in=[ResultState.PENDING, ResultState.RUNNING])

    def put_off(self, job_id: int) -> "ClaimQuerySet":
        """Rows that are tried again by themselves: an attempt failed in a way that may pass, or their music is away."""
        return self.filter(job_id=job_id, state=ResultState.PENDING, retry_at__isnull=False)
