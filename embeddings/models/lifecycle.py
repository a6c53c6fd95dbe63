"""The life of a generation: its states, and every transition between them; each says whether it happened."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from embeddings.models.job import BatchJob
from embeddings.models.moments import may_begin

if TYPE_CHECKING:
    from embeddings.models.collection import Generation  # noqa: F401 - named in a string that ruff does not read


class GenerationState(models.TextChoices):
    """The life of a generation."""

    BUILDING = "building"
    VERIFIED = "verified"
    LIVE = "live"
    RETIRED = "retired"
    DROPPED = "dropped"


FILLED = (GenerationState.BUILDING, GenerationState.VERIFIED)
"""States in which jobs fill a generation beside the live one."""
SERVING = (*FILLED, GenerationState.LIVE)
"""States in which labels are kept up to date; a retired generation catches up when it is live again."""
FORCED = (*FILLED, GenerationState.RETIRED)
"""What may be promoted with a reason; without one, only what is verified."""


class LifecycleQuerySet(models.QuerySet["Generation"]):
    """Transitions: each is a compare-and-swap, and whoever loses a race changes nothing."""

    def mark_verified(self, generation_id: int, *, writes: int | None = None) -> bool:
        """BUILDING -> VERIFIED.

        Args:
            generation_id: which.
            writes: how often vectors had been recorded when its examination began; those that came later were not
                examined, and prevent it.

        """
        found = self.filter(pk=generation_id, state=GenerationState.BUILDING)
        if writes is not None:
            found = found.filter(writes=writes)
        return bool(found.update(state=GenerationState.VERIFIED, verified_at=timezone.now()))

    def mark_written(self, generation_ids: Collection[int]) -> int:
        """Count that vectors are recorded; VERIFIED -> BUILDING, for nobody has verified these."""
        verified = Q(state=GenerationState.VERIFIED)
        return self.filter(pk__in=generation_ids).update(
            writes=F("writes") + 1,
            state=Case(When(verified, then=Value(GenerationState.BUILDING)), default=F("state")),
            verified_at=Case(When(verified, then=None), default=F("verified_at")),
        )

    def reopen(self, generation_ids: Collection[int]) -> int:
        """VERIFIED -> BUILDING: it did not pass, or what it held is lost."""
        verified = self.filter(pk__in=generation_ids, state=GenerationState.VERIFIED)
        return verified.update(state=GenerationState.BUILDING, verified_at=None)

    def lock_unwritten(self, generation_id: int, writes: int) -> bool:
        """Whether so many writes are all there were, which stays so until the transaction ends."""
        return self.select_for_update(no_key=True).filter(pk=generation_id, writes=writes).first() is not None

    @transaction.atomic
    def promote(self, generation_id: int, model: str, *, force_because: str | None = None) -> bool:
        """VERIFIED -> LIVE, and what was live -> RETIRED; false when somebody else was faster.

        Args:
            generation_id: which.
            model: key of its spec.
            force_because: lets BUILDING and RETIRED become live as well, and is kept with them.

        """
        state = self._locked(model).get(generation_id)
        if state != GenerationState.VERIFIED and (force_because is None or state not in FORCED):
            return False
        kept = "" if state == GenerationState.VERIFIED else force_because or ""
        return self._go_live(generation_id, model, forced_because=kept)

    @transaction.atomic
    def rollback(self, generation_id: int, model: str, *, instead_of: int) -> bool:
        """RETIRED -> LIVE, and LIVE -> RETIRED for the other one, which no job promotes by itself any more.

        Args:
            generation_id: which becomes live.
            model: key of its spec.
            instead_of: which has to be live still.

        """
        states = self._locked(model)
        if (states.get(generation_id), states.get(instead_of)) != (GenerationState.RETIRED, GenerationState.LIVE):
            return False
        self.filter(pk=instead_of).update(rolled_back_at=timezone.now())
        return self._go_live(generation_id, model)

    @transaction.atomic
    def mark_dropped(self, generation_id: int, model: str, *, seen: str, kept: int | None = None) -> bool:
        """RETIRED, or BUILDING or VERIFIED and abandoned -> DROPPED; nothing comes back from there.

        Args:
            generation_id: which.
            model: key of its spec.
            seen: the state in which it was found disposable, and has to be still.
            kept: the generation that a rollback would go to, which has to be retired still; None where there is none.

        """
        states = self._locked(model)
        if states.get(generation_id) != seen or seen not in FORCED or kept == generation_id:
            return False
        if kept is not None and states.get(kept) != GenerationState.RETIRED:
            return False
        # A planner that chose it meanwhile looks at its state under the same lock, before it names it on its job.
        if any(job.fills(generation_id) for job in BatchJob.objects.active()):
            return False
        dropped = {"state": GenerationState.DROPPED, "dropped_at": timezone.now()}
        return bool(self.filter(pk=generation_id).update(**dropped))

    def claim_renewal(self, generation_id: int, seconds: float) -> str:
        """Take the right to copy its collection into one with all labels; "" while another worker has it."""
        token, now = uuid.uuid4().hex, timezone.now()
        free = self.filter(may_begin("renewal_until", now), pk=generation_id, state__in=SERVING)
        return token if free.update(renewal=token, renewal_until=now + timedelta(seconds=seconds)) else ""

    def keep_renewal(self, generation_id: int, token: str, seconds: float) -> bool:
        """Keep that right, or with 0 seconds give it back; false when another worker has it."""
        until = timezone.now() + timedelta(seconds=seconds) if seconds else None
        return bool(self.filter(pk=generation_id, renewal=token).update(renewal_until=until))

    @transaction.atomic
    def move(self, generation_id: int, token: str, collection: str, *, writes: int, since: datetime) -> bool:
        """Let it be kept in another collection, which holds the same; false when that may not be so by now.

        Args:
            generation_id: which.
            token: the right to copy it.
            collection: where it is from now on.
            writes: how often vectors had been recorded when the two were compared.
            since: when that began; labels that were brought up to date later are looked at again.

        """
        held = self.select_for_update(no_key=True).filter(pk=generation_id, renewal=token, writes=writes).first()
        # A planner that chose it meanwhile names it on its job under the same lock, as for `mark_dropped`.
        if held is None or BatchJob.objects.active().exists() or held.verifications.filter(finished_at=None).exists():
            return False
        held.vectors.filter(stored_at__gt=since).update(stored_at=since)
        return bool(self.filter(pk=generation_id).update(collection=collection, renewal="", renewal_until=None))

    def lock_filled(self, generation_id: int) -> bool:
        """Whether vectors may go into it, which stays so until the transaction ends."""
        return self.select_for_update(no_key=True).filled().filter(pk=generation_id).first() is not None

    def filled(self) -> Self:
        """Those that vectors may go into."""
        return self.filter(state__in=[GenerationState.LIVE, *FILLED])

    def _locked(self, model: str) -> dict[int, str]:
        """States of a model's generations, which nobody changes until the transaction ends.

        Always locked in one order, so that two never wait for each other.
        """
        rows = self.select_for_update(no_key=True).filter(model=model).order_by("pk")
        return dict(rows.values_list("pk", "state"))

    def _go_live(self, generation_id: int, model: str, **values: object) -> bool:
        now = timezone.now()
        live = self.filter(model=model, state=GenerationState.LIVE)
        live.update(state=GenerationState.RETIRED, retired_at=now)
        promoted = {"state": GenerationState.LIVE, "promoted_at": now, "retired_at": None, "rolled_back_at": None}
        return bool(self.filter(pk=generation_id).update(**promoted, **values))
