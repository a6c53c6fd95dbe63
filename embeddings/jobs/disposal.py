"""Which generations nobody needs any more, and which one a rollback goes back to."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from embeddings.embedders import SPECS
from embeddings.models import FILLED, BatchJob, Generation, GenerationState


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposable:
    """A generation that a cleanup would drop."""

    generation: Generation
    reason: str
    kept: Generation | None
    """What stays for a rollback; None where there is nothing to go back to."""


def last_good(model: str, stored: Collection[str]) -> Generation | None:
    """Give the generation that a rollback goes back to: the one that was retired last and holds vectors still.

    One that somebody went back from comes after all others, and newest first: going back twice goes
    further back, and with two generations it takes the first step back.

    Args:
        model: key of a spec.
        stored: collections that are in the store.

    """
    retired = Generation.objects.filter(model=model, state=GenerationState.RETIRED, collection__in=stored)
    good = [generation for generation in retired if generation.vectors.exists()]
    return max(good, key=_order, default=None)


def find_disposable(stored: Collection[str], *, days: float) -> list[Disposable]:
    """List what nobody needs any more; nothing of a model of which nothing is live.

    Args:
        stored: collections that are in the store.
        days: how long a generation is kept after it was retired, or after it was last written to.

    """
    before = timezone.now() - timedelta(days=days)
    models = Generation.objects.filter(state=GenerationState.LIVE, model__in=SPECS).values_list("model", flat=True)
    return [found for model in sorted(models) for found in _of_model(model, stored, before)]


def _of_model(model: str, stored: Collection[str], before: datetime) -> Iterator[Disposable]:
    kept = last_good(model, stored)
    generations = Generation.objects.filter(model=model).annotate(touched=Max("vectors__stored_at")).order_by("number")
    jobs = list(BatchJob.objects.active())
    for generation in generations:
        if generation == kept or any(job.fills(generation.pk) for job in jobs):
            continue
        reason = ""
        if generation.state == GenerationState.RETIRED and (generation.retired_at or generation.created_at) < before:
            rest = f"; {kept} stays for a rollback" if kept else ", and it holds nothing to go back to"
            reason = f"retired on {generation.retired_at or generation.created_at:%Y-%m-%d}{rest}"
        elif generation.state in FILLED and _is_abandoned(generation, before):
            reason = "never live, not written to for long, and no job would go on with it"
        if reason:
            yield Disposable(generation=generation, reason=reason, kept=kept)


def _is_abandoned(generation: Generation, before: datetime) -> bool:
    """Whether nothing was written to it for long, and jobs would fill another one instead."""
    if max(generation.created_at, getattr(generation, "touched", None) or generation.created_at) >= before:
        return False
    live = Generation.objects.live(generation.model)
    if generation.state == GenerationState.VERIFIED:
        # It passed, and waits for a person, until a later one is live.
        return live is not None and live.number > generation.number
    replaced = live is not None and (live.spec_version, live.identity) == (generation.spec_version, generation.identity)
    newer = Generation.objects.filter(model=generation.model, number__gt=generation.number)
    return (
        generation.spec_version != SPECS[generation.model].version
        or replaced
        or newer.exclude(state=GenerationState.DROPPED).exists()
    )


def _order(generation: Generation) -> tuple[bool, datetime, int]:
    return generation.rolled_back_at is None, generation.retired_at or generation.created_at, generation.number
