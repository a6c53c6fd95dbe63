"""Leads from one track to another in even, small steps: a song path through the spaces of one model or of several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from django.utils import timezone

from embeddings.domain import Vector
from embeddings.errors import BackendUnavailable, NotEmbedded, NotFound, Refused
from embeddings.store.base import CollectionMissing, VectorStore
from recommendations import conf
from recommendations.arithmetic.calibration import Background, Vectors, probability
from recommendations.arithmetic.walking import Walk, walk
from recommendations.asking.filtering import accepts, search_filter
from recommendations.asking.naming import find_tracks
from recommendations.asking.seeding import gather
from recommendations.domain import Exclusions, Filter, Request, Seed
from recommendations.finding.candidates import read_candidates
from recommendations.finding.surveying import Aim, Ends, Survey, open_lands, survey
from recommendations.fitting.spaces import Opened, open_spaces
from recommendations.modes import get_mode
from recommendations.results import Candidate, Scores

MOST_STEPS = 200
BREADTHS = (1, 4, 16)
"""How many times as much is looked at as at first, from round to round, until there is a path."""
LIST = 25
"""Length of a list that the setting of tracks per artist is meant for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRequest:
    """From where to where, and how."""

    start: str
    """A track's id, in any form that a seed may have."""
    end: str
    steps: int = 10
    """Tracks of the path, start and end among them: 2..200."""
    models: Sequence[str] = ()
    """Keys of specs; none means all that have vectors. Of several, the mean of their calibrated distances counts."""
    user: str = ""
    """Navidrome's user name, whose disliked tracks and artists stay out, two stars too; empty for nobody's."""
    filter: Filter = field(default_factory=Filter)
    """What may lie between the ends; they themselves may be anything."""
    exclude: Exclusions = field(default_factory=Exclusions)
    per_artist: int | None = None
    """Tracks of one artist at most, both ends among them, 0 for any number; None for the setting, which grows with
    long paths and gives way where there is no other path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One track of a path."""

    candidate: Candidate
    position: float
    """0..1: how far from the start towards the end it sounds; mean over the models."""
    similarity: float | None
    """0..1, calibrated, to the track before it; None for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A way from one track to another."""

    steps: tuple[Step, ...]
    """The start first, the end last, no recording twice."""
    models: tuple[str, ...]
    """Those that took part."""
    warnings: tuple[str, ...]


def find_path(request: PathRequest, *, store: VectorStore) -> Path:
    """Find a path.

    Raises:
        Refused: fewer than 2 or more than 200 steps (`bad_steps`), fewer than no tracks of one artist (`bad_variety`),
            from a track to itself (`same_track`), or there are too few tracks in between, or too many by the same
            artists (`no_path`).
        NotFound: the catalogue has no such track, or its file is gone.
        NotEmbedded: no model has vectors of both ends, or they are gone from the store.
        UnknownEmbedder: there is no such model.
        BackendUnavailable: the store does not answer for any model.

    """
    if not 2 <= request.steps <= MOST_STEPS:
        raise Refused(f"steps has to be between 2 and {MOST_STEPS}.", code="bad_steps")
    if request.per_artist is not None and request.per_artist < 0:
        raise Refused("The number of tracks of one artist is 0 for any, or more.", code="bad_variety")
    ends = _ends(request)
    try:
        return _lasting(request, ends, store)
    except CollectionMissing as error:
        raise NotEmbedded(f"{error} Start a job to embed again.") from error


def _ends(request: PathRequest) -> Ends:
    named = find_tracks({request.start, request.end})
    present = read_candidates([track.id for track in named.values()])
    found = []
    for name in (request.start, request.end):
        if name not in named:
            raise NotFound(f"There is no track {name!r} in the catalogue.")
        if named[name].id not in present:
            raise NotFound(f"The file of {named[name].label!r} is gone.")
        found.append(present[named[name].id])
    if found[0].id == found[1].id:
        raise Refused("A path leads from one track to another, and these are the same.", code="same_track")
    return found[0], found[1]


def _lasting(request: PathRequest, ends: Ends, store: VectorStore) -> Path:
    """A path by what is live still when it was found."""
    opened = open_spaces(request.models, store)
    try:
        path = _find(request, ends, opened, store)
        if len(path.models) == len(opened.spaces) or not opened.has_moved():
            return path
    except (BackendUnavailable, CollectionMissing):
        # A cleanup may drop a generation that was live when this began; then there is another to ask.
        if not opened.has_moved():
            raise
    return _find(request, ends, open_spaces(request.models, store), store)


def _find(request: PathRequest, ends: Ends, opened: Opened, store: VectorStore) -> Path:
    lands, lacking = open_lands(opened.spaces, ends, store)
    asked = Request(
        user=request.user, seeds=[Seed(key=one.id) for one in ends], filter=request.filter, exclude=request.exclude
    )
    gathered = gather(asked, get_mode("custom", {}), now=timezone.now()).strictly()
    where, accept = search_filter(asked, gathered), accepts(asked, gathered)
    said, cap = [*opened.warnings, *gathered.warnings, *lacking], _cap(request)
    for breadth in BREADTHS:
        found = survey(lands, ends, Aim(steps=request.steps, breadth=breadth, where=where, accept=accept), store)
        said += found.warnings
        last = found.exhausted or breadth == BREADTHS[-1]
        path, lands = _walked(request, ends, found, cap), found.lands
        if path is None and last and cap:
            path = _walked(request, ends, found, 0)
            few = f"There is no such path with at most {cap} tracks of one artist, both ends among them"
            if path is not None and request.per_artist:
                raise Refused(f"{few}: allow more, or take fewer steps.", code="no_path")
            said.append(f"{few}, so there are more of them.")
        if path is not None:
            return replace(path, warnings=tuple(dict.fromkeys(said)))
        if last:
            break
    raise Refused(
        f"A path of {request.steps} steps needs {request.steps - 2} tracks between its ends, and there are only "
        f"{len(found.candidates)} that may be used.",
        code="no_path",
    )


def _cap(request: PathRequest) -> int:
    """Tracks of one artist at most; the setting is meant for a list of usual length and grows with longer ones."""
    if request.per_artist is not None:
        return request.per_artist
    return math.ceil(conf.recommendations().max_per_artist * max(1.0, request.steps / LIST))


def _walked(request: PathRequest, ends: Ends, found: Survey, cap: int) -> Path | None:
    """The best way through what was found; None where it is too little."""
    asked = Walk(
        terrains=found.terrains,
        steps=request.steps,
        artists=[one.artist_key for one in found.candidates],
        per_artist=cap,
        ends=[one.artist_key for one in ends],
    )
    try:
        places = walk(asked)
    except Refused as refusal:
        if refusal.code != "no_path":
            raise
        return None
    tracks = [ends[0], *(found.candidates[place] for place in places), ends[1]]
    lines = [np.vstack([one.start, one.candidates[places], one.end]) for one in found.terrains]
    positions = np.nanmean([_positions(line) for line in lines], axis=0)
    near = np.array([_near(land.background, line) for land, line in zip(found.lands, lines, strict=True)])
    known = ~np.isnan(near)
    similar = np.where(known, near, 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    before = [None, *(float(value) if some else None for value, some in zip(similar, known.any(axis=0), strict=True))]
    return Path(
        steps=tuple(
            Step(candidate=track, position=float(position), similarity=value)
            for track, position, value in zip(tracks, positions, before, strict=True)
        ),
        models=tuple(land.model for land in found.lands),
        warnings=(),
    )


def _positions(line: Vectors) -> Scores:
    """[steps] how far each is from the first towards the last, by angle: 0..1; NaN without a vector."""
    there = _angles(line, line[0])
    left = _angles(line, line[-1])
    total = there + left
    # Two tracks that sound exactly alike have nothing between them.
    share: Scores = np.where(total > 0, there / np.where(total > 0, total, 1.0), np.linspace(0, 1, len(line)))
    share = np.where((line != 0).any(axis=1), share, np.nan)
    share[0], share[-1] = 0.0, 1.0
    return share


def _angles(line: Vectors, point: Vector) -> Scores:
    angles: Scores = np.arccos(np.clip((line @ point).astype(np.float64), -1.0, 1.0))
    return angles


def _near(background: Background, line: Vectors) -> Scores:
    """[steps - 1] calibrated similarity of neighbours: 0..1; NaN where one has no vector."""
    known = (line != 0).any(axis=1)
    near: Scores = probability(background.log_odds(np.diagonal(background.corrected(line[:-1], line[1:]))))
    return np.where(known[1:] & known[:-1], near, np.nan)
