"""What there is to choose from, made up, and the plain way to choose."""

from dataclasses import replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from recommendations.arithmetic.diversity import REACH, SAME_SOUND, Choice, Sound, choose
from recommendations.arithmetic.recordings import are_same, are_versions, recording_of
from tests.recommendations.candidates import candidate, clustered

LISTEN = settings(max_examples=50, deadline=None)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Up to thirty candidates of some artists, some without a vector, some left out, in one to three spaces."""
    count, seed = draw(st.integers(1, 30)), draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    who = random.integers(-1, draw(st.integers(1, 8)), count)
    tracks = [
        candidate(place, artist_key=f"a{key}" if key >= 0 else "", album_key=f"b{key}" if key > 0 else "")
        for place, key in enumerate(who)
    ]
    sounds = []
    for space in range(draw(st.integers(1, 3))):
        vectors = clustered(count, seed=seed + space)
        vectors[random.random(count) < 0.1] = np.nan
        sounds.append(Sound(vectors=vectors, crowd=0.1))
    relevant = np.where(random.random(count) < 0.15, np.nan, random.random(count).round(2))
    return Choice(
        candidates=tracks,
        relevance=relevant,
        sounds=sounds,
        limit=draw(st.integers(1, 35)),
        diversity=draw(st.floats(0, 1)),
        per_artist=draw(st.integers(0, 3)),
        per_album=draw(st.integers(0, 2)),
        versions=draw(st.booleans()),
    )


def best_first(asked: Choice) -> list[int]:
    ranked: list[int] = np.argsort(-asked.relevance, kind="stable").tolist()
    return ranked[: int((~np.isnan(asked.relevance)).sum())]


def alike(count: int, **changed: object) -> Choice:
    """Candidates in order of relevance, near to each other in groups."""
    vectors = clustered(count, seed=3, clusters=8, spread=0.5)
    near = vectors @ vectors[0]
    order = np.argsort(-near)
    asked = Choice(
        candidates=[candidate(place) for place in range(count)],
        relevance=np.linspace(1, 0.5, count),
        sounds=[Sound(vectors=vectors[order], crowd=0.0)],
        limit=10,
    )
    return replace(asked, **changed)  # type: ignore[arg-type]


def recordings(*titles: str, sound: float = 0.0, **changed: object) -> list[int]:
    """What is chosen of tracks of one artist with these titles, any two of them as similar as `sound`."""
    count = len(titles)
    vectors = np.sqrt(1 - sound) * np.eye(count, count + 1, dtype=np.float32)
    vectors[:, -1] = np.sqrt(sound)
    tracks = [candidate(place, title=title, artist="Ann", **changed) for place, title in enumerate(titles)]
    asked = Choice(
        candidates=tracks,
        relevance=np.linspace(1, 0.5, count),
        sounds=[Sound(vectors=vectors, crowd=0.0)],
        limit=count,
    )
    chosen: list[int] = choose(asked).tolist()
    return chosen


def compared_each_time(asked: Choice) -> list[int]:
    """What `choose` is to give, written as its module says it: every candidate against all that is there, each time."""
    order = np.argsort(np.where(np.isnan(asked.relevance), np.inf, -asked.relevance), kind="stable")
    worth = dict(zip(order.tolist(), 1 - np.arange(len(order)) / (REACH * asked.limit), strict=True))
    possible = [one for one in order.tolist() if not np.isnan(asked.relevance[one]) and one not in asked.beside]
    near = np.array([(sound.vectors @ sound.vectors.T - sound.crowd) / (1 - sound.crowd) for sound in asked.sounds])
    near = np.clip(near, 0, 1)
    known = ~np.isnan(near)
    mean = np.where(known, near, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    said, alike, chosen = [recording_of(one) for one in asked.candidates], (near >= SAME_SOUND).any(axis=0), list[int]()

    def marginal(one: int) -> float:
        nearest = max((mean[one, other] for other in chosen), default=0.0)
        return float((1 - asked.diversity) * worth[one] - asked.diversity * nearest)

    def is_there(one: int, other: int) -> bool:
        same = alike[one, other] and not are_versions(said[one], said[other])
        return bool(same or are_same(said[one], said[other]))

    while possible and len(chosen) < asked.limit:
        best = max(possible, key=marginal)
        possible.remove(best)
        if asked.versions or not any(is_there(best, other) for other in (*asked.beside, *chosen)):
            chosen.append(best)
            for most, key in ((asked.per_artist, "artist_key"), (asked.per_album, "album_key")):
                keys = [getattr(one, key) for one in asked.candidates]
                full = most and keys[best] and sum(keys[one] == keys[best] for one in chosen) >= most
                possible = [one for one in possible if not (full and keys[one] == keys[best])]
    return chosen
