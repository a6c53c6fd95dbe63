"""Asks the store: one search per model and field for all queries, then the vectors of what was found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embeddings.domain import SearchFilter, Vector
from embeddings.errors import BackendUnavailable
from embeddings.store.base import CollectionMissing, VectorField, VectorStore
from recommendations.arithmetic.calibration import Vectors
from recommendations.arithmetic.representing import represent
from recommendations.arithmetic.weighing import Held, Matrix, Voice
from recommendations.asking.voices import each
from recommendations.finding.timing import timed

FUSED = 60
"""The usual constant of reciprocal rank fusion: to be in two lists is worth more than to be first in one."""
LEAST_DEPTH = 32
"""Hits per query, at least."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """How far one round of searches goes, and what it is after."""

    pool: int
    """Candidates of each model."""
    where: SearchFilter
    weights: Matrix
    """[queries] of all queries of the request."""
    sharpness: float

    def depth(self, queries: int) -> int:
        """Hits per query: the more queries there are, the less each has to bring for the same number together."""
        return max(LEAST_DEPTH, math.ceil(2 * self.pool / math.sqrt(queries)) if queries > 1 else self.pool)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What one model's own search found."""

    hits: frozenset[str]
    """Ids of every hit."""
    best: tuple[str, ...]
    """Those that became candidates, best first as far as the hits alone can tell."""
    exhausted: bool
    """Whether there is nothing more to find."""


def find(voices: Sequence[Voice], store: VectorStore, sweep: Sweep) -> list[Found | BackendUnavailable]:
    """Search with every voice at once.

    Raises:
        BackendUnavailable: the store answers none of them.

    """

    def ask(voice: Voice) -> Found:
        asked = [field for field in voice.fields if voice.asks(field)]
        answers = [_search(voice, field, store, sweep) for field in asked]
        best = _ranked([scores for scores, _ in answers])
        exhausted = len(best) <= sweep.pool and all(ended for _, ended in answers)
        return Found(hits=frozenset(best), best=tuple(best[: sweep.pool]), exhausted=exhausted)

    return each(ask, voices)


def fetch(
    voices: Sequence[Voice], store: VectorStore, ids: Sequence[str]
) -> list[Mapping[VectorField, Held] | BackendUnavailable]:
    """The vectors of all candidates in every field of every voice.

    Raises:
        BackendUnavailable: the store answers for none of them.

    """

    def ask(voice: Voice) -> Mapping[VectorField, Held]:
        return {field: _held(store, voice, field, ids) for field in voice.fields}

    return each(ask, voices)


def _held(store: VectorStore, voice: Voice, field: VectorField, ids: Sequence[str]) -> Held:
    try:
        stored: Mapping[str, Vector] = store.fetch(voice.collection, ids, field=field) if ids else {}
    except CollectionMissing as error:
        raise BackendUnavailable(str(error)) from error
    places = [place for place, key in enumerate(ids) if key in stored]
    width = next(block.background.tracks.shape[1] for block in voice.blocks if block.field == field)
    vectors = np.asarray([stored[ids[place]] for place in places], dtype=np.float32).reshape(len(places), width)
    return Held(places=np.array(places, dtype=np.intp), vectors=_unit(vectors))


def _search(voice: Voice, field: VectorField, store: VectorStore, sweep: Sweep) -> tuple[dict[str, float], bool]:
    """What each hit's places say of it, and whether there are no more.

    Which hits become candidates is decided by places alone (reciprocal rank fusion: Cormack et al., SIGIR 2009), each
    list counting as much as its query weighs: nearness to a text and to a track cannot be compared before candidates'
    vectors are there.
    """
    blocks = [block for block in voice.blocks if block.field == field and block.rows.size]
    vectors = np.concatenate([block.queries for block in blocks])
    asked, shares = represent(vectors, np.concatenate([sweep.weights[block.rows] for block in blocks]))
    depth = sweep.depth(len(asked))
    try:
        with timed(voice.model, field):
            lists = store.search(voice.collection, asked, limit=depth, where=sweep.where, field=field)
    except CollectionMissing as error:
        raise BackendUnavailable(str(error)) from error
    fused: dict[str, float] = {}
    for hits, share in zip(lists, shares.tolist(), strict=True):
        for place, hit in enumerate(hits):
            fused[hit.id] = fused.get(hit.id, 0.0) + share / (FUSED + place)
    return fused, all(len(hits) < depth for hits in lists)


def _ranked(answers: Sequence[Mapping[str, float]]) -> list[str]:
    """Ids by what all fields together say of them, best first; ties by id, so that the order is the same every time."""
    total: dict[str, float] = {}
    for fused in answers:
        for key, score in fused.items():
            total[key] = total.get(key, 0.0) + score
    return sorted(total, key=lambda key: (-total[key], key))


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    unit: Vectors = (vectors / lengths).astype(np.float32)
    return unit
