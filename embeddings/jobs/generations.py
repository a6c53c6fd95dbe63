"""Where vectors of a model go: the live generation, or a new one built beside it."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from embeddings.domain import SYSTEM, EmbedderSpec
from embeddings.embedders import SPECS
from embeddings.errors import NotPossibleNow, Refused
from embeddings.models import AuditEntry, BatchJob, Generation, GenerationState, Identity, TrackVector, names_of
from embeddings.store.base import VectorStore

CHUNK = 1000
ROUNDS = 3
"""How often an alias that others move meanwhile is looked at."""
NOTHING_LIVE = "what was live holds nothing"

log = logging.getLogger(__name__)


def ensure_generation(spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    """Give the generation that vectors of this identity go to, with its collection and alias in place.

    The first generation of a model is live from the start: there is nothing that it would displace.
    Another version of the spec, another checkpoint, precision or package gets a generation of its
    own, which serves nobody until it is promoted: vectors of different making never mix. One that is
    live and empty gives way at once. A retired one of the same identity is filled up again.
    """
    refuse_occupied(spec, store)
    generation = (
        Generation.objects.begun(spec, identity)
        or Generation.objects.revive(spec, identity)
        or _new_generation(spec, identity, store)
    )
    prepare(spec, generation, store)
    return generation


def prepare(spec: EmbedderSpec, generation: Generation, store: VectorStore) -> None:
    """Put collection and alias in place; what the store lost is forgotten, and embedded again."""
    if _is_lost(generation, store):
        _forget(generation)
        store.create(generation.collection, generation.dimension, joint_dimension=generation.joint_dimension)
    live = Generation.objects.live(spec.key)
    if live is not None and live != generation and _is_lost(live, store):
        _forget(live)
    if live is not None and live != generation and not live.vectors.exists():
        promote(spec, generation, store, force_because="")
        generation.refresh_from_db()
    point_alias(spec, store)


def refuse_occupied(spec: EmbedderSpec, store: VectorStore) -> None:
    """Refuse to go on where a collection has the name of the model's alias, as the program before this one made them.

    Raises:
        Refused: one has; the sentence says what to do.

    """
    if store.shape(spec.alias) is not None:
        raise Refused(
            f"The vector store has a collection {spec.alias}, made by another program, where the alias of {spec.key} "
            f"has to be. Keep its vectors with: manage.py generation adopt --models {spec.key}",
            code="alias_occupied",
        )


def refuse_strange(store: VectorStore) -> None:
    """Refuse a store that has nothing of what vectors went to: what it lacks would be forgotten, and embedded again.

    A collection that alone was lost is made anew by itself.

    Raises:
        Refused: it is another store, or all was lost; the sentence says what to do.

    """
    holding = Generation.objects.exclude(state=GenerationState.DROPPED).filter(Exists(_vectors_of()))
    known = list(holding.order_by("pk").values_list("collection", flat=True))
    if known and not set(known) & set(store.collections()):
        more = f" and {len(known) - 1} more" if len(known) > 1 else ""
        raise Refused(
            f"The vector store at {store.health().uri} has none of the collections that hold our vectors "
            f"({known[-1]}{more}); is MILVUS_URI right? To embed everything anew: manage.py reembed start --scope all",
            code="strange_store",
        )


def refuse_during_job(model: str) -> None:
    """Refuse to write beside a job that may write vectors of the same tracks.

    Raises:
        NotPossibleNow: there is one.

    """
    job = BatchJob.objects.active().first()
    if job is not None and model in job.model_keys:
        raise NotPossibleNow(f"Job {job.pk} is {job.state} and embeds with {model}; wait for it, or cancel it first.")


def what_changed(generation: Generation) -> str:
    """Say in a sentence why a generation is built beside the live one; "" when none is."""
    live = Generation.objects.live(generation.model)
    if live is None or live == generation:
        return ""
    names = {
        "version": (live.spec_version, generation.spec_version),
        "checkpoint": (live.checkpoint[:8], generation.checkpoint[:8]),
        "precision": (live.precision, generation.precision),
        "packages": (live.packages, generation.packages),
    }
    changes = [f"{name} {old} -> {new}" for name, (old, new) in names.items() if old != new] or ["rebuilt"]
    until = "somebody promotes the other" if generation.rolled_back_at else "it is complete"
    return (
        f"{generation.model}: {', '.join(changes)}. What {generation.collection} lacks is embedded into it; "
        f"{live.collection} serves until {until}."
    )


def point_alias(spec: EmbedderSpec, store: VectorStore) -> None:
    """Make the alias agree with the live row; a crash between the two may have kept them apart.

    The alias is read before the row, and the row again after the alias was moved: whoever moves it
    last has seen the row as it is. Where others go on moving it, whoever looks next does the rest.
    """
    for _ in range(ROUNDS):
        target = store.alias_target(spec.alias)
        live = Generation.objects.live(spec.key)
        if live is None or target == live.collection:
            return
        if target is None:
            refuse_occupied(spec, store)
        store.point_alias(spec.alias, live.collection)
        log.info("alias points at collection=%s", live.collection)
    log.warning("alias moves on and on, leaving it to the next look alias=%s", spec.alias)


def promote(
    spec: EmbedderSpec, generation: Generation, store: VectorStore, *, force_because: str | None = None
) -> bool:
    """Make a generation the live one: the rows in one transaction, then the alias in one call.

    Args:
        spec: its model's.
        generation: which; verified, unless a reason is given.
        store: where its collection is.
        force_because: why it goes live although it was not verified; "" where nothing is displaced by it.

    Returns:
        Whether it happened; the alias agrees with what is live either way.

    """
    instead = Generation.objects.live(spec.key)
    with transaction.atomic():
        promoted = Generation.objects.promote(generation.pk, spec.key, force_because=force_because)
        if promoted:
            reason = NOTHING_LIVE if force_because == "" else force_because
            details = {"instead_of": str(instead or ""), "reason": reason}
            AuditEntry.objects.note("promote", SYSTEM, generation=generation, details=details)
    if promoted:
        log.info("generation promoted collection=%s", generation.collection)
    point_alias(spec, store)
    return promoted


def drop_rest(generation: Generation, store: VectorStore) -> None:
    """Remove what is left of a dropped generation: its collection, then what we know of its vectors.

    Raises:
        Refused: an alias points at the collection; nothing was removed.

    """
    for name in names_of(generation.name) - {generation.collection}:
        store.drop(name)
    store.drop(generation.collection)
    # In pieces: a deletion of a hundred thousand rows would keep everybody else from writing.
    while pks := list(generation.vectors.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        generation.vectors.filter(pk__in=pks).delete()
    log.info("generation dropped collection=%s", generation.collection)


def heal(store: VectorStore) -> None:
    """Finish what a crash left half done: aliases point at the live rows, and what was dropped goes.

    Raises:
        BackendUnavailable: the store does not answer.

    """
    stored = set(store.collections())
    live = Generation.objects.filter(state=GenerationState.LIVE, model__in=SPECS, collection__in=stored)
    for model in live.values_list("model", flat=True):
        try:
            point_alias(SPECS[model], store)
        except Refused as error:
            log.warning("alias not pointed model=%s reason=%s", model, error)
    dropped = Generation.objects.filter(state=GenerationState.DROPPED)
    for generation in dropped.filter(Q(collection__in=stored) | Exists(_vectors_of())):
        try:
            drop_rest(generation, store)
        except Refused as error:
            # Somebody else's alias: it is theirs to move, and the next look tries again.
            log.warning("dropped collection is kept collection=%s reason=%s", generation.collection, error)


def _vectors_of() -> QuerySet[TrackVector]:
    return TrackVector.objects.filter(generation=OuterRef("pk"))


def _is_lost(generation: Generation, store: VectorStore) -> bool:
    """Whether the store lacks its collection; one that was renewed since its row was read is in another."""
    if generation.collection in store.collections():
        return False
    generation.refresh_from_db(fields=["collection"])
    return generation.collection not in store.collections()


def _forget(generation: Generation) -> None:
    Generation.objects.reopen([generation.pk])
    forgotten, _ = generation.vectors.all().delete()
    if forgotten:
        log.warning("store lost a collection, embedding anew collection=%s", generation.collection)


def _new_generation(spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    state = GenerationState.BUILDING if Generation.objects.live(spec.key) else GenerationState.LIVE
    return open_generation(spec, identity, state=state, taken=store.collections())


def open_generation(spec: EmbedderSpec, identity: Identity, *, state: str, taken: Sequence[str]) -> Generation:
    """Add a row for a new generation; its collection is not there yet.

    Args:
        spec: its model's.
        identity: with what its vectors are to be computed.
        state: building, or live where nothing is displaced.
        taken: collections that exist already.

    """
    generation = Generation.objects.open(spec, state=state, identity=identity, taken=taken)
    log.info("generation opened collection=%s state=%s identity=%s", generation.collection, state, identity)
    return generation
