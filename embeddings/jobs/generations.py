"""Where vectors of a model go: the live generation, or a new one built beside it."""

import logging

from embeddings.domain import EmbedderSpec
from embeddings.models import Generation, GenerationState
from embeddings.store.base import VectorStore

log = logging.getLogger(__name__)


def ensure_generation(spec: EmbedderSpec, store: VectorStore) -> Generation:
    """Give the generation that this version of the spec fills, with its collection and alias in place.

    The first generation of a model is live from the start: there is nothing that it would displace.
    A new version gets a generation of its own, which serves nobody until it is promoted.
    """
    generation = _open_generation(spec) or _new_generation(spec, store)
    if generation.collection not in store.collections():
        forgotten, _ = generation.vectors.all().delete()
        if forgotten:
            log.warning("store lost a collection, embedding anew collection=%s", generation.collection)
        store.create(generation.collection, generation.dimension)
    if generation.state == GenerationState.LIVE:
        point_alias(spec, store)
    return generation


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


def _open_generation(spec: EmbedderSpec) -> Generation | None:
    """Find the live or building generation of this version."""
    for found in (Generation.objects.live(spec.key), Generation.objects.building(spec.key)):
        if found is not None and found.spec_version == spec.version:
            return found
    return None


def _new_generation(spec: EmbedderSpec, store: VectorStore) -> Generation:
    state = GenerationState.BUILDING if Generation.objects.live(spec.key) else GenerationState.LIVE
    generation = Generation.objects.open(spec, state=state, taken=store.collections())
    log.info("generation opened collection=%s state=%s", generation.collection, state)
    return generation
