"""Finds what lies between two tracks: one search per model around points of the way, each recording once."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import Hit, SearchFilter, Vector
from embeddings.errors import BackendUnavailable, NotEmbedded
from embeddings.store.base import MAX_LIMIT, CollectionMissing, VectorStore
from recommendations.arithmetic.calibration import Background
from recommendations.arithmetic.diversity import MOST_CROWDED, SAME_SOUND
from recommendations.arithmetic.recordings import are_same, are_versions, recording_of
from recommendations.arithmetic.walking import Terrain, between
from recommendations.asking.voices import each
from recommendations.finding.candidates import read_candidates
from recommendations.finding.timing import timed
from recommendations.fitting.spaces import Space
from recommendations.results import Candidate

MOST_POINTS = 24
"""Points of one way that are searched around; of more, neighbours find the same tracks."""
LEAST_DEPTH = 64
"""Hits per point in the first round."""
LEAST_POOL = 400
POOL_PER_STEP = 8

Ends = tuple[Candidate, Candidate]
One = TypeVar("One")
Given = TypeVar("Given")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Land:
    """One model's space, with both ends in it."""

    model: str
    collection: str
    background: Background
    start: Vector
    """Of unit length, as is `end`."""
    end: Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aim:
    """What a survey is after."""

    steps: int
    breadth: int
    """How many times as many hits and tracks as in the first round."""
    where: SearchFilter
    accept: Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What lies between the ends."""

    candidates: tuple[Candidate, ...]
    """No recording twice, and none that an end is."""
    lands: tuple[Land, ...]
    """Those whose model answered."""
    terrains: tuple[Terrain, ...]
    """By land."""
    exhausted: bool
    """Whether a broader survey would find nothing more."""
    warnings: tuple[str, ...]


def open_lands(spaces: Sequence[Space], ends: Ends, store: VectorStore) -> tuple[tuple[Land, ...], tuple[str, ...]]:
    """Read the vectors of both ends; models that lack one of them are left out, with a warning each.

    Raises:
        NotEmbedded: no model has both.
        BackendUnavailable: the store answers for no model that may have them.
        CollectionMissing: the generations of all models are gone.

    """
    ids = [one.id for one in ends]
    found = _each(lambda space: store.fetch(space.generation.collection, ids), spaces)
    lands, warnings = [], []
    away: list[BackendUnavailable | CollectionMissing] = []
    for space, stored in zip(spaces, found, strict=True):
        try:
            land = _land(space, ends, stored)
        except (BackendUnavailable, CollectionMissing) as error:
            away.append(error)
            land = _away(space.model, error)
        if isinstance(land, Land):
            lands.append(land)
        else:
            warnings.append(land)
    if not lands:
        raise away[0] if away else NotEmbedded(" ".join(warnings))
    return tuple(lands), tuple(warnings)


def _land(space: Space, ends: Ends, stored: Mapping[str, Vector] | BackendUnavailable) -> Land | str:
    """A model's land, or what it lacks; what similarity means in its space may have to be sampled."""
    if isinstance(stored, BackendUnavailable):
        raise stored
    lacking = [one.name for one in ends if one.id not in stored]
    if lacking:
        return f"{space.model} is left out: it has no vector of {' and '.join(map(repr, lacking))}."
    start, end = (_unit(stored[one.id]) for one in ends)
    collection, background = space.generation.collection, space.background()
    return Land(model=space.model, collection=collection, background=background, start=start, end=end)


def survey(lands: Sequence[Land], ends: Ends, aim: Aim, store: VectorStore) -> Survey:
    """Search around the way in every land at once, and read the vectors of what was found in all of them.

    Raises:
        BackendUnavailable: the store answers for no model.
        CollectionMissing: the generations of all models are gone.

    """
    points = min(MOST_POINTS, aim.steps - 2)
    depth = min(MAX_LIMIT, aim.breadth * max(LEAST_DEPTH, math.ceil(4 * aim.steps / max(1, points))))
    searched, away = _answered(lambda land: _around(land, points, depth, aim.where, store), lands)
    lists = [hits for _, found in searched for hits in found]
    found = list(dict.fromkeys(_by_turns(lists)))
    most = aim.breadth * max(LEAST_POOL, POOL_PER_STEP * aim.steps)
    read = read_candidates(found[:most])
    pool = [one for one in read.values() if aim.accept(one)]
    ids = [one.id for one in pool]
    held, lost = _answered(lambda land: _vectors(land, ids, store), [land for land, _ in searched])
    terrains = [_terrain(land, stored, ids) for land, stored in held]
    kept = _distinct([*ends, *pool], terrains)
    return Survey(
        candidates=tuple(pool[place] for place in kept),
        lands=tuple(land for land, _ in held),
        terrains=tuple(replace(terrain, candidates=terrain.candidates[kept]) for terrain in terrains),
        exhausted=len(found) <= most and all(len(hits) < depth for hits in lists),
        warnings=(*away, *lost),
    )


def _answered(work: Callable[[Land], Given], lands: Sequence[Land]) -> tuple[list[tuple[Land, Given]], tuple[str, ...]]:
    """Those that answered, with their answer, and what to say of the others."""
    pairs = list(zip(lands, _each(work, lands), strict=True))
    said = tuple(_away(land.model, error) for land, error in pairs if isinstance(error, BackendUnavailable))
    return [(land, given) for land, given in pairs if not isinstance(given, BackendUnavailable)], said


def _each(work: Callable[[One], Given], things: Sequence[One]) -> list[Given | BackendUnavailable]:
    """Do the same for every model at once; one whose collection is gone is one that does not answer.

    Raises:
        BackendUnavailable: for every one of them.
        CollectionMissing: the collections of all are gone.

    """
    lost = []

    def attempt(thing: One) -> Given:
        try:
            return work(thing)
        except CollectionMissing as error:
            lost.append(error)
            raise BackendUnavailable(str(error)) from error

    try:
        return each(attempt, things)
    except BackendUnavailable:
        if len(lost) == len(things):
            raise lost[0] from None
        raise


def _away(model: str, error: BackendUnavailable | CollectionMissing) -> str:
    return f"{model} did not answer and is left out: {error}"


def _around(land: Land, points: int, depth: int, where: SearchFilter, store: VectorStore) -> list[list[Hit]]:
    """Hits around points that lie evenly between the ends."""
    if not points:
        return []
    asked = between(land.start, land.end, points + 2)[1:-1]
    with timed(land.model, "embedding"):
        return store.search(land.collection, asked, limit=depth, where=where)


def _vectors(land: Land, ids: Sequence[str], store: VectorStore) -> Mapping[str, Vector]:
    return store.fetch(land.collection, ids) if ids else {}


def _by_turns(lists: Sequence[Sequence[Hit]]) -> Iterator[str]:
    """The best of each list, then the second of each, and so on: what is near to any point comes early."""
    for turn in zip_longest(*lists):
        yield from (hit.id for hit in turn if hit is not None)


def _terrain(land: Land, stored: Mapping[str, Vector], ids: Sequence[str]) -> Terrain:
    rows = np.zeros((len(ids), len(land.start)), np.float32)
    for place, key in enumerate(ids):
        if key in stored:
            rows[place] = _unit(stored[key])
    return Terrain(start=land.start, end=land.end, candidates=rows, crowd=land.background.crowd)


def _distinct(tracks: Sequence[Candidate], terrains: Sequence[Terrain]) -> list[int]:
    """Places in the pool of what is no recording that an end is, or that came earlier.

    Args:
        tracks: the ends, then the pool.
        terrains: of the pool.

    """
    said = [recording_of(track) for track in tracks]
    alike = _alike(terrains, len(tracks))
    namesakes: dict[object, list[int]] = {}
    kept = np.zeros(len(said), np.bool_)
    for place, one in enumerate(said):
        near = any(not are_versions(one, said[other]) for other in np.flatnonzero(alike[place] & kept))
        same = (other for name in (one.song, one.mbid) if name for other in namesakes.get(name, ()))
        if place < 2 or not (near or any(are_same(one, said[other]) for other in same)):
            kept[place] = True
            for name in filter(None, (one.song, one.mbid)):
                namesakes.setdefault(name, []).append(place)
    return np.flatnonzero(kept[2:]).tolist()


def _alike(terrains: Sequence[Terrain], count: int) -> NDArray[np.bool_]:
    """[tracks, tracks] whether any model takes two of them, ends first, for the same sound."""
    alike = np.zeros((count, count), np.bool_)
    for terrain in terrains:
        rows = np.vstack([terrain.start, terrain.end, terrain.candidates])
        crowd = min(terrain.crowd, MOST_CROWDED)
        alike |= rows @ rows.T >= crowd + SAME_SOUND * (1 - crowd)
    return alike


def _unit(vector: Vector) -> Vector:
    unit: Vector = vector / np.linalg.norm(vector)
    return unit
