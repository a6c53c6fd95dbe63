"""Continues a radio: what comes next after what was played, without repeating itself, drifting and coming back.

Nothing is remembered here: whoever plays it sends what was played, the latest last. Of that

- the last `window` tracks do not come again, nor do other copies of these recordings;
- the last `FOLLOWED` join the seeds, unless they, their artist, album or playlist are disliked or excluded. Together
  they weigh `DRIFT` of all seeds, the latest most, each before it half as much: so the radio drifts to where it has
  got, and its seeds pull it back;
- nobody who was among the last `APART` artists is next, and so it goes on through the answer, as far as others are
  left.

A library that has too little beside the window gives up the oldest part of it, with a warning. The same question has
the same answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, fsum

from django.utils import timezone

from embeddings.errors import Refused
from embeddings.store.base import VectorStore
from recommendations import conf
from recommendations.answers.listing import LIST
from recommendations.arithmetic.pooling import latest, recency
from recommendations.arithmetic.recordings import are_among
from recommendations.asking.naming import NamedTrack, find_tracks
from recommendations.asking.seeding import MOST_WEIGHT, gather
from recommendations.domain import MOST_LIMIT, Prompt, Request, Seed, Variety
from recommendations.engine import recommend
from recommendations.finding.candidates import read_candidates
from recommendations.modes import get_mode
from recommendations.results import Answer, Recommendation

WINDOW = 200
"""Tracks after which one may come again, unless the caller says otherwise."""
MOST_PLAYED = 10_000
FOLLOWED = 3
DRIFT = 0.25
APART = 5
GIVEN_UP = 3
"""How many of the oldest in the window are given up for each track that is lacking: not all of them fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What was played."""

    history: Sequence[NamedTrack]
    """The latest last."""
    followed: Sequence[NamedTrack]
    """Those that join the seeds, the latest first."""
    kept: int
    """How many of the last must not come again."""


def continue_radio(
    request: Request, played: Sequence[str], *, store: VectorStore, window: int = WINDOW, now: datetime | None = None
) -> Answer:
    """Say what comes next.

    Args:
        request: what the radio was begun with; it stays the same all the time. Without seeds and prompts it goes on
            from what was played.
        played: ids of tracks in any form that a seed may have, the latest last; unknown ones count for nothing.
        store: where the vectors are.
        window: how many of the last played tracks must not come again.
        now: the present.

    Raises:
        Refused: a window below 0, or more than 10,000 tracks (`bad_window`).
        EmbedderError: whatever `engine.recommend` raises, for its reasons.

    """
    if window < 0 or len(played) > MOST_PLAYED:
        raise Refused(f"A window is 0 or more, and at most {MOST_PLAYED:,} played tracks are told.", code="bad_window")
    now = now or timezone.now()
    past = _remembered(request, played, window, now)
    best = _turn(request, past, store, now)
    for kept in (max(0, past.kept - GIVEN_UP * (request.limit - len(best.tracks))), 0):
        if len(best.tracks) >= request.limit or not past.kept:
            break
        shorter = _turn(request, replace(past, kept=kept), store, now)
        if len(shorter.tracks) > len(best.tracks):
            said = (
                f"Of the last {past.kept} played tracks only the last {kept} were kept out: there is too little else."
            )
            best = replace(shorter, warnings=(*shorter.warnings, said))
    return best


def _remembered(request: Request, played: Sequence[str], window: int, now: datetime) -> _Past:
    named = find_tracks(set(played))
    history = [named[name] for name in played if name in named]
    unwanted = gather(replace(request, seeds=()), get_mode(request.mode, request.tuning), now=now).strictly()
    followed = dict.fromkeys(
        track
        for track in reversed(history)
        if track.id not in unwanted.excluded
        and track.artist_key not in unwanted.excluded_artists
        and track.album_key not in unwanted.excluded_albums
    )
    return _Past(history=history, followed=list(followed)[:FOLLOWED], kept=min(window, len(history)))


def _turn(request: Request, past: _Past, store: VectorStore, now: datetime) -> Answer:
    """One answer, its artists apart."""
    usual = _variety(request)
    # With no more of one artist than there is room for, there is somebody else to put between.
    room = ceil(request.limit / (APART + 1)) + 1
    answer = _asked(request, past, replace(usual, per_artist=min(usual.per_artist or room, room)), store, now)
    if len(answer.tracks) < request.limit and usual.per_artist != room:
        answer = _asked(request, past, usual, store, now)
    apart = _apart(answer.tracks, [track.artist_key for track in past.history[-APART:]])[: request.limit]
    return replace(
        answer,
        tracks=tuple(
            replace(track, explanation=replace(track.explanation, rank_after=rank))
            for rank, track in enumerate(apart, start=1)
        ),
    )


def _asked(request: Request, past: _Past, variety: Variety, store: VectorStore, now: datetime) -> Answer:
    """What the engine says, with some tracks to spare."""
    window = [track.id for track in past.history[len(past.history) - past.kept :]]
    # What is no possible limit stays as it is, so that the engine refuses it.
    possible = 1 <= request.limit <= MOST_LIMIT
    asked = replace(
        request,
        limit=min(MOST_LIMIT, 2 * request.limit + 4 * APART) if possible else request.limit,
        seeds=[*request.seeds, *_drift(request, past.followed, now)],
        prompts=_prompts(request, past.followed),
        exclude=replace(request.exclude, track_ids=[*request.exclude.track_ids, *window]),
        variety=variety,
    )
    answer = recommend(asked, store=store, now=now)
    tracks = tuple(answer.tracks if request.variety.versions else _unheard(answer.tracks, window))
    said = f"{len(answer.tracks)} tracks instead of {asked.limit}"
    short = f"{len(tracks)} tracks instead of {request.limit}" if len(tracks) < request.limit else ""
    return replace(answer, tracks=tracks, warnings=tuple(_reworded(answer.warnings, said, short)))


def _unheard(tracks: Sequence[Recommendation], window: Sequence[str]) -> list[Recommendation]:
    """Those that are no recording of which a copy was played within the window."""
    is_heard = are_among(read_candidates(window).values())
    return [track for track in tracks if not is_heard(track.candidate)]


def _drift(request: Request, followed: Sequence[NamedTrack], now: datetime) -> list[Seed]:
    """What was played last, as seeds."""
    mode = get_mode(request.mode, request.tuning)
    # What is no possible weight stays as it is, so that the engine refuses it.
    seeds = [seed for seed in request.seeds if 0 < seed.weight <= MOST_WEIGHT]
    since = latest((_aware(seed.played_at) for seed in seeds), _aware(now) or now)
    total = fsum(seed.weight * recency(_aware(seed.played_at), since, mode.half_life_days) for seed in seeds) or 1.0
    shares = [0.5**place for place in range(len(followed))]
    return [
        Seed(key=track.id, weight=DRIFT * total * share / sum(shares), source="played")
        for track, share in zip(followed, shares, strict=True)
    ]


def _prompts(request: Request, followed: Sequence[NamedTrack]) -> Sequence[Prompt]:
    """Prompts, heavy enough for what was played to be a small share beside them where there are no other seeds.

    All seeds together weigh as much as a prompt of weight 1.
    """
    total = fsum(prompt.weight for prompt in request.prompts if 0 <= prompt.weight <= MOST_WEIGHT)
    if request.seeds or not followed or total <= 0:
        return request.prompts
    return [replace(prompt, weight=prompt.weight / (DRIFT * total)) for prompt in request.prompts]


def _variety(request: Request) -> Variety:
    """The caps of a list as long as was asked for, and not of the longer one that the engine is asked for."""
    config, longer, variety = conf.recommendations(), max(1.0, request.limit / LIST), request.variety
    return replace(
        variety,
        per_artist=ceil(config.max_per_artist * longer) if variety.per_artist is None else variety.per_artist,
        per_album=ceil(config.max_per_album * longer) if variety.per_album is None else variety.per_album,
    )


def _apart(tracks: Sequence[Recommendation], before: Sequence[str]) -> list[Recommendation]:
    """The same tracks, each the best whose artist is not among the last; where all are, whoever was so longest ago."""
    queue, artists, ordered = list(tracks), list(before), list[Recommendation]()
    while queue:
        since = [_since(track.candidate.artist_key, artists) for track in queue]
        place = next((place for place, ago in enumerate(since) if ago >= APART), since.index(max(since)))
        ordered.append(queue.pop(place))
        artists.append(ordered[-1].candidate.artist_key)
    return ordered


def _since(artist: str, artists: Sequence[str]) -> int:
    """How many tracks ago an artist was on, at most `APART`; one without a key never was."""
    latest = artists[: -APART - 1 : -1]
    return latest.index(artist) if artist and artist in latest else APART


def _reworded(warnings: Sequence[str], said: str, short: str) -> Iterator[str]:
    """Warnings, with the number of tracks that is lacking of those that are wanted, and not of those to spare."""
    for warning in warnings:
        if not warning.startswith(said):
            yield warning
        elif short:
            yield warning.replace(said, short, 1)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment
