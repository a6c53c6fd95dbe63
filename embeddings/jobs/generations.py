"""Where vectors of a model go: the live generation, or a new one built beside it."""

import logging

from embeddings.domain import EmbedderSpec
from embeddings.models import Generation, GenerationState, Identity, Track, has_failed, is_current, is_held
from embeddings.store.base import VectorStore

KEEPS = 0.98
"""Share of the tracks in the live generation that another has to hold to take its place."""

log = logging.getLogger(__name__)


def ensure_generation(spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    """Give the generation that vectors of this identity go to, with its collection and alias in place.

    The first generation of a model is live from the start: there is nothing that it would displace.
    Another version of the spec, another checkpoint, precision or package gets a generation of its
    own, which serves nobody until it is promoted: vectors of different making never mix. One that is
    live and empty gives way at once. A retired one of the same identity is filled up again.
    """
    generation = (
        Generation.objects.begun(spec, identity)
        or Generation.objects.revive(spec, identity)
        or _new_generation(spec, identity, store)
    )
    stored = store.collections()
    if generation.collection not in stored:
        _forget(generation)
        store.create(generation.collection, generation.dimension, joint_dimension=generation.joint_dimension)
    live = Generation.objects.live(spec.key)
    if live is not None and live != generation and live.collection not in stored:
        _forget(live)
    if live is not None and live != generation and not live.vectors.exists():
        promote(spec, generation, store)
        generation.refresh_from_db()
    point_alias(spec, store)
    return generation


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
    changes = [f"{name} {old} -> {new}" for name, (old, new) in names.items() if old != new]
    return (
        f"{generation.model}: {', '.join(changes)}. What {generation.collection} lacks is embedded into it; "
        f"{live.collection} serves until it is complete."
    )


def point_alias(spec: EmbedderSpec, store: VectorStore) -> None:
    """Make the alias agree with the live row; a crash between the two may have kept them apart."""
    live = Generation.objects.live(spec.key)
    if live is not None and store.alias_target(spec.alias) != live.collection:
        store.point_alias(spec.alias, live.collection)
        log.info("alias points at collection=%s", live.collection)


def promote(spec: EmbedderSpec, generation: Generation, store: VectorStore) -> None:
    """Make a generation the live one: the rows in one transaction, then the alias in one call."""
    if Generation.objects.promote(generation.pk, spec.key):
        log.info("generation promoted collection=%s", generation.collection)
    point_alias(spec, store)


def promote_complete(spec: EmbedderSpec, generation: Generation, store: VectorStore) -> str:
    """Make a generation that is built the live one if searches lose next to nothing by it.

    Every present track has to be in it or to have failed in it, and it has to hold nearly all that
    the live one holds: weights that are damaged fail every track, and would leave nothing to find.

    Returns:
        Why it was not promoted, in a sentence for people; "" when it was.

    """
    present, live = Track.objects.present(), Generation.objects.live(spec.key)
    untried = present.exclude(is_current(generation)).exclude(has_failed(generation, permanently=False))
    if untried.exists():
        return _not_promoted(generation, present.filter(is_held(generation)).count(), present.count())
    known = present.filter(is_held(live)) if live else present.none()
    kept, all_known = known.filter(is_held(generation)).count(), known.count()
    if kept < KEEPS * all_known:
        return _not_promoted(generation, kept, all_known)
    promote(spec, generation, store)
    return ""


def _not_promoted(generation: Generation, held: int, wanted: int) -> str:
    log.info("generation not promoted collection=%s held=%s wanted=%s", generation.collection, held, wanted)
    return f"{generation.collection} holds {held} of {wanted} tracks and was not promoted; the old vectors stay."


def _forget(generation: Generation) -> None:
    forgotten, _ = generation.vectors.all().delete()
    if forgotten:
        log.warning("store lost a collection, embedding anew collection=%s", generation.collection)


def _new_generation(spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    state = GenerationState.BUILDING if Generation.objects.live(spec.key) else GenerationState.LIVE
    generation = Generation.objects.open(spec, state=state, identity=identity, taken=store.collections())
    log.info("generation opened collection=%s state=%s identity=%s", generation.collection, state, identity)
    return generation
