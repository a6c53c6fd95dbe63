"""What a person may do to generations; every door (admin, API, commands) calls these functions and no other."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from embeddings import conf
from embeddings.domain import Actor
from embeddings.embedders import SPECS, get_spec
from embeddings.errors import BackendUnavailable, NotFound, NotPossibleNow, Refused
from embeddings.jobs.checking.coverage import check_coverage
from embeddings.jobs.disposal import Disposable, find_disposable, last_good
from embeddings.jobs.generations import drop_rest, heal, point_alias
from embeddings.jobs.knocking import tell_verifier
from embeddings.models import RENEWED, AuditEntry, Generation, GenerationState, Verification, VerificationState
from embeddings.store import connect
from embeddings.store.base import VectorStore

log = logging.getLogger(__name__)


def find_generation(name: str) -> Generation:
    """Look up a generation.

    Args:
        name: its collection (`embedding_g0002`), as it is or was at first, its model and number (`muq:2`), or its
            model alone (`muq`), which means the newest that is not live and not dropped.

    Raises:
        NotFound: there is none.

    """
    if (found := Generation.objects.filter(collection__in=[name, name + RENEWED]).first()) is not None:
        return found
    model, _, number = name.partition(":")
    of_model = Generation.objects.filter(model=model)
    if not of_model.exists():
        known = ", ".join(Generation.objects.values_list("collection", flat=True)) or "none yet"
        raise NotFound(f"There is no generation {name!r}. There are: {known}.")
    if not number:
        beside = of_model.exclude(state__in=[GenerationState.LIVE, GenerationState.DROPPED])
        if (found := beside.order_by("-number").first()) is not None:
            return found
        raise NotFound(f"{model} has no generation beside the live one.")
    found = of_model.filter(number=int(number)).first() if number.isdecimal() else None
    if found is None:
        raise NotFound(f"There is no generation {number} of {model}.")
    return found


def request_verification(generation: Generation, *, by: Actor) -> Verification:
    """Have a worker examine a generation; where one is to be or is being examined, that examination is given.

    Raises:
        NotPossibleNow: its vectors are gone.

    """
    generation.refresh_from_db()
    _refuse_dropped(generation)
    with transaction.atomic():
        verification = Verification.objects.request(generation, by)
        AuditEntry.objects.note("verify", by, generation=generation)
        transaction.on_commit(lambda: tell_verifier(verification.pk))
    return verification


def promote(generation: Generation, *, by: Actor, force_because: str = "") -> Generation:
    """Make a generation the live one; what was live is kept, for a rollback.

    Args:
        generation: which.
        by: who, for the record.
        force_because: why it is to be live although it was not verified; kept with it.

    Returns:
        The generation, which searches read from now on.

    Raises:
        NotPossibleNow: it is live or gone, or holds nothing; or it is not verified, or lacks by now what came
            later, and no reason is given.
        BackendUnavailable: the store does not answer.

    """
    generation.refresh_from_db()
    _require_promotable(generation, force_because)
    with _connected() as store:
        if not generation.vectors.exists() or generation.collection not in store.collections():
            raise NotPossibleNow(f"{generation} holds nothing; searches would find nothing.")
        if not force_because:
            _refuse_lacking(generation)
        with transaction.atomic():
            instead = Generation.objects.live(generation.model)
            if not Generation.objects.promote(generation.pk, generation.model, force_because=force_because or None):
                raise _too_late(generation)
            details = {"instead_of": str(instead or ""), "forced_because": force_because}
            AuditEntry.objects.note("promote", by, generation=generation, details=details)
        return _switched(generation, store)


def rollback(model: str, *, by: Actor) -> Generation:
    """Make the generation that was live before live again; no job promotes the other one by itself any more.

    Returns:
        The generation that is live now.

    Raises:
        UnknownEmbedder: no such model.
        NotPossibleNow: there is nothing to go back to.
        BackendUnavailable: the store does not answer.

    """
    get_spec(model)
    live = Generation.objects.live(model)
    with _connected() as store:
        target = last_good(model, set(store.collections()))
        if live is None or target is None:
            raise NotPossibleNow(f"There is no generation of {model} to go back to.")
        with transaction.atomic():
            if not Generation.objects.rollback(target.pk, model, instead_of=live.pk):
                raise _too_late(target)
            AuditEntry.objects.note("rollback", by, generation=target, details={"instead_of": str(live)})
        return _switched(target, store)


def disposable() -> list[Disposable]:
    """List what a cleanup would drop, each with the reason.

    Raises:
        BackendUnavailable: the store does not answer.

    """
    with _connected() as store:
        return find_disposable(set(store.collections()), days=conf.retired_days())


def clean_up(*, by: Actor) -> list[Generation]:
    """Drop what nobody needs any more; never what is live, and never what a rollback would go back to.

    Returns:
        What was dropped. What somebody has begun to use meanwhile was not.

    Raises:
        BackendUnavailable: the store does not answer; what was begun is finished by workers later.

    """
    dropped = []
    with _connected() as store:
        heal(store)
        for found in find_disposable(set(store.collections()), days=conf.retired_days()):
            generation = found.generation
            with transaction.atomic():
                if not _mark_dropped(found):
                    continue
                AuditEntry.objects.note("cleanup", by, generation=generation, details={"reason": found.reason})
            generation.refresh_from_db()
            dropped.append(generation)
            try:
                drop_rest(generation, store)
            except Refused as refused:
                # Whoever replaces it has written the rows and is about to move the alias; workers drop the rest then.
                log.warning("not dropped yet collection=%s reason=%s", generation.collection, refused)
    return dropped


def _mark_dropped(found: Disposable) -> bool:
    generation, kept = found.generation, found.kept
    return Generation.objects.mark_dropped(
        generation.pk, generation.model, seen=generation.state, kept=kept.pk if kept else None
    )


@contextmanager
def _connected() -> Iterator[VectorStore]:
    store = connect(conf.store())
    try:
        yield store
    finally:
        store.close()


def _switched(generation: Generation, store: VectorStore) -> Generation:
    """Move the alias after the rows."""
    generation.refresh_from_db()
    log.info("generation is live collection=%s", generation.collection)
    if generation.model not in SPECS:
        return generation
    try:
        point_alias(SPECS[generation.model], store)
    except BackendUnavailable as error:
        raise BackendUnavailable(
            f"{generation} is live and searched; its alias follows by itself once the store answers: {error}"
        ) from error
    return generation


def _refuse_dropped(generation: Generation) -> None:
    if generation.state == GenerationState.DROPPED:
        raise NotPossibleNow(f"{generation} was dropped; its vectors are gone.")


def _require_promotable(generation: Generation, force_because: str) -> None:
    _refuse_dropped(generation)
    if generation.state == GenerationState.LIVE:
        raise NotPossibleNow(f"{generation} is live already.")
    if generation.state == GenerationState.RETIRED and not force_because:
        raise NotPossibleNow(
            f"{generation} was live before: roll back to the last one that was, or give a reason for promoting "
            "this one: --force --because '...'."
        )
    if generation.state != GenerationState.VERIFIED and not force_because:
        raise NotPossibleNow(
            f"{generation} {_unverified(generation)}; have it verified and what it lacks mended, or give a reason "
            "for promoting it as it is: --force --because '...'."
        )


def _refuse_lacking(generation: Generation) -> None:
    """Refuse what has fallen behind: what passed weeks ago may lack all that jobs have put into the live one since."""
    checks = check_coverage(generation, conf.verification().coverage)
    if lacking := [check.sentence for check in checks if check.passed is False]:
        raise NotPossibleNow(
            f"{generation} is not complete any more. {' '.join(lacking)} Have a job fill it, or rebuild anew; or give "
            "a reason for promoting it as it is: --force --because '...'."
        )


def _unverified(generation: Generation) -> str:
    last = generation.verifications.first()
    if last is not None and last.state == VerificationState.FAILED:
        return f"did not pass verification ({', '.join(check['name'] for check in last.failed_checks)})"
    return "is not verified"


def _too_late(generation: Generation) -> NotPossibleNow:
    generation.refresh_from_db()
    return NotPossibleNow(f"Somebody was faster: {generation} is {generation.state} now. Look again.")
