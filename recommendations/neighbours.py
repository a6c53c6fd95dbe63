"""Finds what sounds alike, or as a text says: seeds to searches to tracks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from embeddings.domain import EmbedderSpec, Hit, SearchFilter, Vector
from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.errors import NotEmbedded, Refused
from embeddings.jobs.prompts import ReadPrompt, read_prompt
from embeddings.models import Generation, Track, TrackFailure
from embeddings.store.base import MAX_LIMIT, CollectionMissing, VectorField, VectorStore
from recommendations.finding.timing import timed

TEXT_MODEL = "muq"
"""Whom a text is for unless somebody says otherwise."""

SPARE = 20
"""Hits asked for beyond the limit: some belong to tracks whose file is gone."""
MORE = 4
"""How many times as many are asked for when too many were gone."""


Begun = TypeVar("Begun")


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
    seed = str(track.pk)
    where = SearchFilter(library_ids=library_ids, exclude_ids=[seed])

    def ask(live: Generation) -> list[Neighbour]:
        # The seed's vector and its neighbours' are of one generation, whatever is promoted between the two calls.
        vector = store.fetch(live.collection, [seed]).get(seed)
        if vector is None:
            raise _no_vector(track, spec)
        return _nearest(live, vector, store=store, limit=limit, where=where)

    return _answered(spec.key, lambda: _live(spec), ask)


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
    stored, where = stored_form(spec, [vector])[0], SearchFilter(library_ids=library_ids)

    def ask(live: Generation) -> list[Neighbour]:
        return _nearest(live, stored, store=store, limit=limit, where=where)

    return _answered(spec.key, lambda: _live(spec), ask)


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
    where = SearchFilter(library_ids=library_ids)

    def ask(read: ReadPrompt) -> list[Neighbour]:
        return _nearest(read.generation, read.vector, store=store, limit=limit, where=where, field="joint")

    return _answered(model, lambda: read_prompt(model, prompt), ask)


def _answered(model: str, begin: Callable[[], Begun], ask: Callable[[Begun], list[Neighbour]]) -> list[Neighbour]:
    """Ask, and once more from the beginning when what was asked is not there any more.

    A request reads the generation that was live when it began. A cleanup may drop that one as soon
    as another is live, and then there is another to ask.
    """
    try:
        return ask(begin())
    except CollectionMissing:
        pass
    try:
        return ask(begin())
    except CollectionMissing:
        raise NotEmbedded(f"The vector store has lost the {model} vectors: start a job to embed again.") from None


def _no_vector(track: Track, spec: EmbedderSpec) -> NotEmbedded:
    failure = TrackFailure.objects.latest_of(track, spec.key)
    reason = f"could not be embedded: {failure.message}" if failure else "is not embedded yet: start a job first."
    return NotEmbedded(f"{track.name!r} {reason}")


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
    asked, query = limit + SPARE, np.asarray([vector])
    while True:
        with timed(generation.model, field):
            hits = store.search(generation.collection, query, limit=asked, where=where, field=field)[0]
        if not hits and not generation.vectors.exists():
            raise _nothing(generation.model)
        found = _present(hits)
        if len(found) >= limit or len(hits) < asked or asked == MAX_LIMIT:
            return found[:limit]
        asked = min(asked * MORE, MAX_LIMIT)


def _present(hits: Sequence[Hit]) -> list[Neighbour]:
    """Keep the hits whose track still has its file, in their order."""
    # Asked for the present ones, SQLite walks all that are present.
    found = Track.objects.in_bulk([hit.id for hit in hits])
    by_id = {str(pk): track for pk, track in found.items() if track.missing_since is None}
    return [Neighbour(track=by_id[hit.id], score=hit.score) for hit in hits if hit.id in by_id]
