"""Finds what sounds alike: seeds to searches to tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embeddings.domain import Hit, SearchFilter
from embeddings.embedders import get_spec
from embeddings.errors import NotEmbedded, Refused
from embeddings.models import Generation, Track, TrackFailure
from embeddings.store.base import MAX_LIMIT, CollectionMissing, VectorStore

SPARE = 20
"""Hits asked for beyond the limit: some belong to tracks whose file is gone."""
MORE = 4
"""How many times as many are asked for when too many were gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A track near another, and how near: the cosine of their vectors, -1..1."""

    track: Track
    score: float


def neighbours_of(
    track: Track, *, model: str, store: VectorStore, limit: int, library_ids: Sequence[int] = ()
) -> list[Neighbour]:
    """Find the present tracks nearest to a track by one model, nearest first, without the track itself.

    Raises:
        UnknownEmbedder: no such model.
        NotEmbedded: the track, or the whole library, has no vector of this model yet.
        BackendUnavailable: the store does not answer.

    """
    spec = get_spec(model)
    if not 1 <= limit <= MAX_LIMIT - SPARE:
        raise Refused(f"count has to be between 1 and {MAX_LIMIT - SPARE}.", code="bad_limit")
    if Generation.objects.live(spec.key) is None:
        raise NotEmbedded(f"Nothing was embedded with {spec.key} yet: start a job first.")
    seed = str(track.pk)
    try:
        vector = store.fetch(spec.alias, [seed]).get(seed)
    except CollectionMissing:
        raise NotEmbedded(f"The vector store has lost the {spec.key} vectors: start a job to embed again.") from None
    if vector is None:
        failure = TrackFailure.objects.latest_of(track, spec.key)
        reason = f"could not be embedded: {failure.message}" if failure else "is not embedded yet: start a job first."
        raise NotEmbedded(f"{track.name!r} {reason}")
    where = SearchFilter(library_ids=library_ids, exclude_ids=[seed])
    asked = limit + SPARE
    while True:
        hits = store.search(spec.alias, np.asarray([vector]), limit=asked, where=where)[0]
        found = _present(hits)
        if len(found) >= limit or len(hits) < asked or asked == MAX_LIMIT:
            return found[:limit]
        asked = min(asked * MORE, MAX_LIMIT)


def _present(hits: Sequence[Hit]) -> list[Neighbour]:
    """Keep the hits whose track still has its file, in their order."""
    present = Track.objects.present().in_bulk([hit.id for hit in hits])
    by_id = {str(pk): found for pk, found in present.items()}
    return [Neighbour(track=by_id[hit.id], score=hit.score) for hit in hits if hit.id in by_id]
