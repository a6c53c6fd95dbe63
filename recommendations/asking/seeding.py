"""Looks up what a request names: seeds as tracks, what must not come, and what the listener knows and dislikes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.errors import Refused
from recommendations.arithmetic.pooling import latest, recency
from recommendations.arithmetic.scoring import STARS
from recommendations.asking.expanding import Expanded, expand
from recommendations.asking.habits import said_of_listener
from recommendations.asking.hearing import Heard, hear
from recommendations.asking.naming import NamedTrack
from recommendations.domain import Request, Seed, SeedKind, VectorSeed
from recommendations.modes import Mode
from recommendations.results import Candidate, Query, QueryKind, Scores

MOST_WEIGHT = 1_000_000.0
MOST_TRACKS = 200
"""Of one album, artist or playlist that is a seed."""
KINDS: tuple[str, ...] = get_args(SeedKind)
NAMED = 5
"""Unknown seeds that a warning names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was named, looked up."""

    queries: tuple[Query, ...]
    """One for each track and each given vector, in an order that does not depend on that of the seeds."""
    given: Mapping[int, Mapping[str, ArrayLike]]
    """Given vectors by model, by the place of their query; in the form that the store holds."""
    excluded: frozenset[str]
    """Our ids: what the request excludes, what it is sown with, and what the listener wants never to hear."""
    excluded_artists: frozenset[str]
    """Keys as the catalogue has them."""
    excluded_albums: frozenset[str]
    disliked: Mapping[str, float]
    """0..1 by our id, `Dislikes.strength` not yet in it: 1 for disliked or one star, less for two."""
    disliked_artists: frozenset[str]
    """Keys as the catalogue has them."""
    heard: Heard | None = None
    """What the listener knows; None where nobody can tell."""
    warnings: tuple[str, ...] = ()

    def familiarity(self, candidates: Sequence[Candidate]) -> Scores | None:
        """[candidates]: how well the listener knows each, 0..1; None where nobody can tell."""
        return self.heard.familiarity(candidates) if self.heard else None

    def strictly(self) -> Self:
        """The same with all excluded that is disliked, itself or by its artist, however little."""
        return replace(
            self,
            excluded=self.excluded | self.disliked.keys(),
            excluded_artists=self.excluded_artists | self.disliked_artists,
        )


class Part(NamedTuple):
    """What one seed adds to one query; the largest comes first."""

    lightness: float
    """The weight below 0, so that parts sort by it."""
    source: str
    label: str


class Sown(NamedTuple):
    """One seed, and the tracks that it means."""

    seed: Seed
    tracks: Sequence[NamedTrack]
    used: Sequence[NamedTrack]
    """Those of them that candidates are compared with."""


def gather(request: Request, mode: Mode, *, now: datetime) -> Gathered:
    """Look up everything that a request names.

    Tracks of an album, artist or playlist share its weight; those that the listener dislikes are no seeds then, while
    a track that is named itself is one and no dislike. Of more than 200 tracks, 200 that are evenly spread stand for
    all. What is named twice has both weights, and what has none is no query, though it stays out of the answer.

    Args:
        request: what is asked for.
        mode: whose half-life seeds that were played lose weight by, beside the one that was played last.
        now: the present; without a time zone it is UTC, and so is `played_at`.

    Raises:
        Refused: a seed's weight is no number between 0 and 1,000,000, or it is of no kind that there is (`bad_seed`);
            the strength of dislikes is not within 0..1 (`bad_dislike`); a given vector is not one of its model's
            (`vector_refused`); or playlists are named where no Navidrome is configured (`no_playlists`).
        BackendUnavailable: playlists are named, and Navidrome's database cannot be read now.

    """
    _check(request)
    now = _aware(now)
    hearing = hear(request.user, now=now)
    found = expand(request)
    named = [seed for seed in request.seeds if isinstance(seed, Seed)]
    disliked = _disliked(request, found, hearing.heard)
    disliked = {key: disliked[key] for key in disliked.keys() - _ids(found, _keys(named, "track"))}
    sown = [_sown(seed, found, disliked) for seed in named]
    since = _since(request, sown, now)
    tracks = _track_queries(sown, mode, since)
    vectors = _vector_queries(request, mode, since)
    return Gathered(
        queries=(*tracks, *(query for query, _ in vectors)),
        given={len(tracks) + place: given for place, (_, given) in enumerate(vectors)},
        excluded=_excluded(request, found, sown, disliked),
        excluded_albums=_own(found.albums, [*request.exclude.album_keys, *_keys(named, "album")]),
        excluded_artists=_own(found.artists, [*request.exclude.artist_keys, *_keys(named, "artist")]),
        disliked=disliked,
        disliked_artists=_disliked_artists(request, found, hearing.heard) - _own(found.artists, _keys(named, "artist")),
        heard=hearing.heard,
        warnings=(*said_of_listener(request.user, mode, hearing), *found.warnings, *_unknown(sown, found)),
    )


def _check(request: Request) -> None:
    for seed in request.seeds:
        if not 0 <= seed.weight <= MOST_WEIGHT:
            raise Refused(f"A seed's weight is between 0 and {MOST_WEIGHT:,.0f}, not {seed.weight}.", code="bad_seed")
        if isinstance(seed, Seed) and seed.kind not in KINDS:
            raise Refused(f"A seed is one of {', '.join(KINDS)}, not {seed.kind!r}.", code="bad_seed")
        if isinstance(seed, VectorSeed) and not seed.vectors:
            raise Refused("A given vector has the numbers of at least one model.", code="bad_seed")
    if not 0 <= request.dislikes.strength <= 1:
        raise Refused(f"dislike strength is between 0 and 1, not {request.dislikes.strength}.", code="bad_dislike")


def _sown(seed: Seed, found: Expanded, disliked: Mapping[str, float]) -> Sown:
    if seed.kind == "track":
        tracks: Sequence[NamedTrack] = [found.tracks[seed.key]] if seed.key in found.tracks else []
        return Sown(seed, tracks, tracks)
    tracks = found.groups.get((seed.kind, seed.key), [])
    liked = [track for track in tracks if track.id not in disliked]
    places = np.linspace(0, len(liked) - 1, min(len(liked), MOST_TRACKS)).round().astype(int)
    return Sown(seed, tracks, [liked[place] for place in places])


def _track_queries(sown: Sequence[Sown], mode: Mode, since: datetime) -> list[Query]:
    """One query for each track that weighs anything, in order of our ids."""
    parts: dict[str, list[Part]] = {}
    for seed, _, used in sown:
        for track in used:
            weight = _weight(seed, mode, since) / len(used)
            parts.setdefault(track.id, []).append(Part(-weight, seed.source, track.label))
    queries = [_query(parts[key], kind="track", track_id=key) for key in sorted(parts)]
    return [query for query in queries if query.weight > 0]


def _vector_queries(request: Request, mode: Mode, since: datetime) -> list[tuple[Query, Mapping[str, ArrayLike]]]:
    """One query for each given sound that weighs anything, with its vectors; in an order of what they are."""
    parts: dict[tuple[tuple[str, bytes], ...], list[Part]] = {}
    for seed in request.seeds:
        if isinstance(seed, VectorSeed):
            stored = {key: stored_form(get_spec(key), [vector])[0] for key, vector in seed.vectors.items()}
            content = tuple(sorted((key, vector.tobytes()) for key, vector in stored.items()))
            parts.setdefault(content, []).append(Part(-_weight(seed, mode, since), seed.source, seed.label))
    made = [(_query(parts[content], kind="vector"), content) for content in sorted(parts)]
    return [
        (query, {key: np.frombuffer(raw, dtype=np.float32) for key, raw in content})
        for query, content in made
        if query.weight > 0
    ]


def _query(parts: Sequence[Part], *, kind: QueryKind, track_id: str = "") -> Query:
    """Everything that one thing was named for, as one; an exact sum does not depend on its order."""
    weight, first = -math.fsum(part.lightness for part in parts), min(parts)
    return Query(label=first.label, kind=kind, weight=weight, source=first.source, track_id=track_id)


def _since(request: Request, sown: Sequence[Sown], now: datetime) -> datetime:
    """From when the ages of seeds count: the latest of those that weigh anything."""
    seeds: list[Seed | VectorSeed] = [seed for seed in request.seeds if isinstance(seed, VectorSeed)]
    seeds += [one.seed for one in sown if one.used]
    return latest((_played_at(seed) for seed in seeds if seed.weight > 0), now)


def _weight(seed: Seed | VectorSeed, mode: Mode, since: datetime) -> float:
    return seed.weight * recency(_played_at(seed), since, mode.half_life_days)


def _played_at(seed: Seed | VectorSeed) -> datetime | None:
    return _aware(seed.played_at) if seed.played_at else None


def _disliked(request: Request, found: Expanded, heard: Heard | None) -> dict[str, float]:
    """How much each track is disliked; what the request says goes before what the listener said to Navidrome."""
    ratings = dict(heard.ratings) if heard else {}
    ratings |= {
        found.tracks[name].id: stars for name, stars in request.dislikes.ratings.items() if name in found.tracks
    }
    disliked = {key: STARS[stars] for key, stars in sorted(ratings.items()) if stars in STARS}
    return disliked | dict.fromkeys(sorted(_ids(found, request.dislikes.track_ids)), 1.0)


def _disliked_artists(request: Request, found: Expanded, heard: Heard | None) -> frozenset[str]:
    return _own(found.artists, request.dislikes.artist_keys) | (heard.disliked_artists if heard else frozenset())


def _excluded(request: Request, found: Expanded, sown: Sequence[Sown], disliked: Mapping[str, float]) -> frozenset[str]:
    playlists = (found.groups.get(("playlist", name), ()) for name in request.exclude.playlist_ids)
    return (
        _ids(found, request.exclude.track_ids)
        | {track.id for tracks in playlists for track in tracks}
        | {track.id for one in sown for track in one.tracks}
        | {key for key, strength in disliked.items() if strength >= 1}
    )


def _unknown(sown: Sequence[Sown], found: Expanded) -> Iterable[str]:
    """What to say of seeds that mean no track; playlists that were not read were spoken of before."""
    empty = [one.seed for one in sown if not one.used]
    lost = sorted({seed.key for seed in empty if seed.kind != "playlist" or ("playlist", seed.key) in found.groups})
    if lost:
        more = ", and others" if len(lost) > NAMED else ""
        what = "1 seed was" if len(lost) == 1 else f"{len(lost)} seeds were"
        yield f"{what} left out, as the library has no track to go by: {', '.join(lost[:NAMED])}{more}."


def _ids(found: Expanded, names: Iterable[str]) -> frozenset[str]:
    return frozenset(found.tracks[name].id for name in names if name in found.tracks)


def _own(keys: Mapping[str, str], names: Iterable[str]) -> frozenset[str]:
    """Keys as the catalogue has them, of those names that it knows."""
    return frozenset(keys[name] for name in names if name in keys)


def _keys(seeds: Iterable[Seed], kind: SeedKind) -> list[str]:
    return [seed.key for seed in seeds if seed.kind == kind]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
