"""Searches a generation for tracks that it holds: each finds itself, how much the live one agrees, and how fast."""

import random
import time
from collections.abc import Iterator, Sequence

import numpy as np

from embeddings.domain import Hit, Vector
from embeddings.jobs.checking.check import Beat, Check, counted, named
from embeddings.models import Generation
from embeddings.store.base import CollectionMissing, VectorStore

PROBES = 50
NEIGHBOURS = 10
TIED = 1e-6
"""Scores that differ by less are one score, rounded."""
FOUND = 0.98
"""Share of the probes that has to find itself: an index of graphs may pass one of many by."""


def check_searches(generation: Generation, ids: Sequence[str], store: VectorStore, beat: Beat) -> Iterator[Check]:
    """Search for a sample of what is held, one by one; the same tracks are drawn each time.

    Raises:
        BackendUnavailable: the store does not answer.

    """
    drawn = random.Random(generation.pk).sample(ids, min(PROBES, len(ids)))  # noqa: S311 - nothing secret
    probes = _searchable(store.fetch(generation.collection, drawn))
    if not probes:
        return
    hits, seconds = dict[str, list[Hit]](), list[float]()
    for number, (key, vector) in enumerate(probes.items(), 1):
        beat(f"Verifying {generation}: search {number} of {len(probes)}")
        began = time.perf_counter()
        hits[key] = store.search(generation.collection, vector[None], limit=NEIGHBOURS + 1)[0]
        seconds.append(time.perf_counter() - began)
    yield _finds_itself(hits)
    yield _agrees(generation, hits, store)
    middle, slow = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.95))
    yield Check(
        name="latency",
        passed=None,
        value=round(slow, 2),
        sentence=f"A search took {middle:.1f} ms, the slowest of twenty {slow:.1f} ms ({len(seconds)} one at a time).",
    )


def _searchable(vectors: dict[str, Vector]) -> dict[str, Vector]:
    """Those that have a direction; the others are told of elsewhere, and no search takes them."""
    return {key: vector for key, vector in vectors.items() if np.isfinite(vector).all() and vector.any()}


def _finds_itself(hits: dict[str, list[Hit]]) -> Check:
    lost = [key for key, found in hits.items() if not _is_first(key, found)]
    share = 1 - len(lost) / len(hits)
    said = f"; these do not: {named(lost)}" if lost else ""
    return Check(
        name="self_retrieval",
        passed=share >= FOUND,
        value=round(share, 4),
        bar=FOUND,
        sentence=f"{len(hits) - len(lost)} of {counted(len(hits), 'track')} find themselves first{said}.",
    )


def _is_first(key: str, found: Sequence[Hit]) -> bool:
    """Whether a track is its own first hit, or as good as the first, as copies of it are."""
    if not found:
        return False
    scores = {hit.id: hit.score for hit in found}
    # Behind more copies than were asked for, it is not among the hits at all.
    own = scores.get(key, 1.0 if found[-1].score > 1.0 - TIED else -1.0)
    return own > found[0].score - TIED


def _agrees(generation: Generation, hits: dict[str, list[Hit]], store: VectorStore) -> Check:
    live = Generation.objects.live(generation.model)
    if live is None or live == generation:
        return Check(name="neighbours", passed=None, sentence="There is no other live generation to compare with.")
    try:
        others = _searchable(store.fetch(live.collection, list(hits)))
        theirs = _search_all(live, others, store)
    except CollectionMissing:
        others, theirs = {}, []
    if not others:
        return Check(name="neighbours", passed=None, sentence=f"{live} holds none of the sampled tracks.")
    overlaps = [
        _overlap(_others(key, hits[key]), _others(key, found)) for key, found in zip(others, theirs, strict=True)
    ]
    overlap = float(np.mean(overlaps))
    return Check(
        name="neighbours",
        passed=None,
        value=round(overlap, 4),
        sentence=f"Of the {NEIGHBOURS} nearest of a track, {100 * overlap:.0f} % are the same in {live} "
        f"(mean of {counted(len(overlaps), 'track')}).",
    )


def _search_all(live: Generation, vectors: dict[str, Vector], store: VectorStore) -> list[list[Hit]]:
    if not vectors:
        return []
    return store.search(live.collection, np.stack(list(vectors.values())), limit=NEIGHBOURS + 1)


def _others(key: str, found: Sequence[Hit]) -> set[str]:
    return set([hit.id for hit in found if hit.id != key][:NEIGHBOURS])


def _overlap(ours: set[str], theirs: set[str]) -> float:
    """Share of the smaller set that is in both; a library of few tracks has few neighbours."""
    return len(ours & theirs) / max(1, min(len(ours), len(theirs)))
