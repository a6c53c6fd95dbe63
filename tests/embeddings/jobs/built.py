"""Generations of the small weighted model, with random vectors of some tracks in a real store."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from django.utils import timezone

from embeddings.domain import VectorRow
from embeddings.models import PLAIN, Generation, GenerationState, Identity, Library, Track, TrackVector
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.weighted import WEIGHTED


def some_tracks(count: int) -> list[Track]:
    """Present tracks without files."""
    library = Library.objects.create(source="folder", external_id=7, name="built", root="/music")
    made = [Track(library=library, path=f"{number:03d}.mp3", signature="1-1") for number in range(count)]
    return Track.objects.bulk_create(made)


def built(
    store: VectorStore, tracks: Sequence[Track], *, state: str, identity: Identity = PLAIN, days: float = 0.0
) -> Generation:
    """A generation with a vector of each track, others in each generation.

    Args:
        store: where the vectors go.
        tracks: whose.
        state: the generation's; the alias points at one that is live.
        identity: with what the vectors are said to be computed.
        days: how long ago it was written to, and retired.

    """
    made = Generation.objects.open(
        WEIGHTED, state=GenerationState.BUILDING, identity=identity, taken=store.collections()
    )
    store.create(made.collection, WEIGHTED.dimension, joint_dimension=WEIGHTED.joint_dimension)
    chance = np.random.default_rng(made.number)
    store.upsert(made.collection, [_row(track, made, chance) for track in tracks])
    store.flush(made.collection)
    then = timezone.now() - timedelta(days=days)
    rows = [TrackVector(generation=made, track=track, signature="1-1", stored_at=then) for track in tracks]
    TrackVector.objects.record(rows)
    retired = then if state == GenerationState.RETIRED else None
    Generation.objects.filter(pk=made.pk).update(state=state, retired_at=retired, created_at=then)
    if state == GenerationState.LIVE:
        store.point_alias(WEIGHTED.alias, made.collection)
    made.refresh_from_db()
    return made


def _row(track: Track, generation: Generation, chance: np.random.Generator) -> VectorRow:
    def unit(length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        vector = chance.standard_normal(length)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    return VectorRow(
        id=str(track.pk),
        name=track.name,
        embedding=unit(WEIGHTED.dimension),
        joint=unit(WEIGHTED.joint_dimension),
        offset=0.0,
        model_id=generation.model_id,
        library_id=track.library_id,
        artist_key="",
        album_key="",
    )
