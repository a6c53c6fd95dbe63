"""Finds what sounds alike, or as a text says: seeds to searches to tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from embeddings.domain import EmbedderSpec, Hit, SearchFilter, Vector
from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.errors import NotEmbedded, Refused
from embeddings.jobs.prompts import read_prompt
from embeddings.models import Generation, Track, TrackFailure
from embeddings.store.base import MAX_LIMIT, CollectionMissing, VectorField, VectorStore

TEXT_MODEL = "muq"
"""Whom a text is for unless somebody says otherwise."""

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
    _check_limit(limit)
    live, seed = _live(spec), str(track.pk)
    try:
        vector = store.fetch(live.collection, [seed]).get(seed)
    except CollectionMissing:
        raise _lost(live) from None
    if vector is None:
        failure = TrackFailure.objects.latest_of(track, spec.key)
        reason = f"could not be embedded: {failure.message}" if failure else "is not embedded yet: start a job first."
        raise NotEmbedded(f"{track.name!r} {reason}")
    where = SearchFilter(library_ids=library_ids, exclude_ids=[seed])
    return _nearest(live, vector, store=store, limit=limit, where=where)


def neighbours_of_vector(
    vector: ArrayLike, *, model: str, store: VectorStore, limit: int, library_ids: Sequence[int] = ()
) -> list[Neighbour]:
    """Find the present tracks nearest to a vector of a model, nearest first.

    Args:
        vector: of any norm, with `spec.dimension` numbers or, where the store holds a projection,
            with `spec.outside_dimension`.
        model: key of the spec that it comes from.
        store: where to look.
        limit: how many tracks at most.
        library_ids: only tracks of these libraries; none means all.

    Raises:
        UnknownEmbedder: no such model.
        Refused: the vector is not one of this model's.
        NotEmbedded: the library has no vector of this model yet.
        BackendUnavailable: the store does not answer.

    """
    spec = get_spec(model)
    _check_limit(limit)
    live, stored = _live(spec), stored_form(spec, [vector])[0]
    return _nearest(live, stored, store=store, limit=limit, where=SearchFilter(library_ids=library_ids))


def tracks_matching(
    prompt: str, *, model: str = TEXT_MODEL, store: VectorStore, limit: int, library_ids: Sequence[int] = ()
) -> list[Neighbour]:
    """Find the present tracks that a text describes best, by a model that shares a space with text, best first.

    Raises:
        UnknownEmbedder: no such model.
        Refused: the model knows no text, or nobody could read this one.
        NotEmbedded: the library has no vector of this model yet.
        BackendUnavailable: the store or the text worker does not answer.

    """
    _check_limit(limit)
    read = read_prompt(model, prompt)
    where = SearchFilter(library_ids=library_ids)
    return _nearest(read.generation, read.vector, store=store, limit=limit, where=where, field="joint")


def _live(spec: EmbedderSpec) -> Generation:
    """The generation that one request reads, under its collection's own name: the alias may move between two calls."""
    live = Generation.objects.live(spec.key)
    if live is None:
        raise _nothing(spec.key)
    return live


def _nothing(model: str) -> NotEmbedded:
    return NotEmbedded(f"Nothing was embedded with {model} yet: start a job first.")


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT - SPARE:
        raise Refused(f"count has to be between 1 and {MAX_LIMIT - SPARE}.", code="bad_limit")


def _lost(generation: Generation) -> NotEmbedded:
    return NotEmbedded(f"The vector store has lost the {generation.model} vectors: start a job to embed again.")


def _nearest(
    generation: Generation,
    vector: Vector,
    *,
    store: VectorStore,
    limit: int,
    where: SearchFilter,
    field: VectorField = "embedding",
) -> list[Neighbour]:
    """Search until there are enough present tracks, or no more hits."""
    asked = limit + SPARE
    while True:
        try:
            hits = store.search(generation.collection, np.asarray([vector]), limit=asked, where=where, field=field)[0]
        except CollectionMissing:
            raise _lost(generation) from None
        if not hits and not generation.vectors.exists():
            raise _nothing(generation.model)
        found = _present(hits)
        if len(found) >= limit or len(hits) < asked or asked == MAX_LIMIT:
            return found[:limit]
        asked = min(asked * MORE, MAX_LIMIT)


def _present(hits: Sequence[Hit]) -> list[Neighbour]:
    """Keep the hits whose track still has its file, in their order."""
    present = Track.objects.present().in_bulk([hit.id for hit in hits])
    by_id = {str(pk): found for pk, found in present.items()}
    return [Neighbour(track=by_id[hit.id], score=hit.score) for hit in hits if hit.id in by_id]
