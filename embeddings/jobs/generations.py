"""Where vectors of a model go: the live generation, or a new one built beside it."""

import logging

from django.db import transaction

from embeddings.domain import EmbedderSpec
from embeddings.models import Generation, GenerationState, TrackResult
from embeddings.store.base import VectorStore

log = logging.getLogger(__name__)


def ensure_generation(spec: EmbedderSpec, store: VectorStore) -> Generation:
    """Give the generation that this version of the spec fills, with its collection and alias in place.

    The first generation of a model is live from the start: there is nothing that it would displace.
    A new version gets a generation of its own, which serves nobody until it is promoted.
    """
    live = Generation.objects.live(spec.key)
    generation = live if live is not None and live.spec_version == spec.version else None
    if generation is None:
        building = Generation.objects.building(spec.key)
        generation = building if building is not None and building.spec_version == spec.version else None
    if generation is None:
        state = GenerationState.BUILDING if live else GenerationState.LIVE
        generation = Generation.objects.open(spec, state=state, taken=store.collections())
        log.info("generation opened collection=%s state=%s", generation.collection, state)
    store.create(generation.collection, generation.dimension)
    if generation.state == GenerationState.LIVE:
        point_alias(spec, generation, store)
    return generation


def point_alias(spec: EmbedderSpec, generation: Generation, store: VectorStore) -> None:
    """Make the alias agree with the row, which a crash between the two may have kept apart."""
    if store.alias_target(spec.alias) != generation.collection:
        store.point_alias(spec.alias, generation.collection)


def promote(spec: EmbedderSpec, generation: Generation, store: VectorStore) -> None:
    """Make a generation the live one: rows in one transaction, then the alias in one call."""
    with transaction.atomic():
        live = Generation.objects.live(spec.key)
        if live is not None:
            Generation.objects.mark_retired(live.pk)
        Generation.objects.mark_live(generation.pk)
    point_alias(spec, generation, store)
    log.info("generation promoted collection=%s", generation.collection)


def finish_generations(job_id: int, store: VectorStore) -> list[Generation]:
    """Flush every generation that a job wrote to, and give those that are not live yet."""
    used = TrackResult.objects.filter(job_id=job_id).order_by().values("generation")
    generations = list(Generation.objects.filter(pk__in=used))
    for generation in generations:
        store.flush(generation.collection)
    return [generation for generation in generations if generation.state == GenerationState.BUILDING]
