"""What an answer's choice keeps to, whatever there is to choose from."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.arithmetic.calibration import Background
from recommendations.arithmetic.diversity import REACH, SAME_SOUND, Choice, Sound, choose, relevance
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


@LISTEN
@given(asked=choices())
def test_an_answer_repeats_nothing_keeps_its_length_and_leaves_out_what_is_left_out(asked: Choice) -> None:
    chosen = choose(asked).tolist()
    assert len(chosen) == len(set(chosen)) <= asked.limit
    assert not np.isnan(asked.relevance[chosen]).any()


@LISTEN
@given(asked=choices())
def test_no_diversity_is_pure_relevance(asked: Choice) -> None:
    free = replace(asked, diversity=0.0, per_artist=0, per_album=0, versions=True)
    assert choose(free).tolist() == best_first(asked)[: asked.limit]


@LISTEN
@given(asked=choices())
def test_at_any_diversity_the_best_comes_first(asked: Choice) -> None:
    assert choose(asked)[:1].tolist() == best_first(asked)[:1]
    assert choose(replace(asked, diversity=1.0))[:1].tolist() == best_first(asked)[:1]


@LISTEN
@given(asked=choices())
def test_caps_hold(asked: Choice) -> None:
    chosen = [asked.candidates[place] for place in choose(asked)]
    for cap, keys in (
        (asked.per_artist, [each.artist_key for each in chosen]),
        (asked.per_album, [each.album_key for each in chosen]),
    ):
        counted = Counter(key for key in keys if key)
        assert not cap or max(counted.values(), default=0) <= cap


def test_nobody_is_counted_who_has_no_name() -> None:
    nameless = [candidate(place, artist_key="", album_key="") for place in range(5)]
    assert len(choose(alike(5, candidates=nameless, per_artist=1, per_album=1, versions=True))) == 5


@LISTEN
@given(asked=choices(), more=st.integers(1, 10))
def test_a_longer_list_without_diversity_begins_with_the_shorter(asked: Choice, more: int) -> None:
    plain = replace(asked, diversity=0.0)
    short, long = choose(plain).tolist(), choose(replace(plain, limit=plain.limit + more)).tolist()
    assert long[: len(short)] == short


@LISTEN
@given(asked=choices())
def test_the_order_of_the_models_changes_nothing(asked: Choice) -> None:
    back = replace(asked, sounds=asked.sounds[::-1])
    assert choose(asked).tolist() == choose(back).tolist()


@LISTEN
@given(asked=choices(), beside=st.integers(0, 29))
def test_what_the_listener_has_before_him_is_not_chosen(asked: Choice, beside: int) -> None:
    place = beside % len(asked.candidates)
    assert place not in choose(replace(asked, beside=[place]))


def test_the_order_changes_with_diversity_and_the_tracks_become_less_alike() -> None:
    vectors = alike(200).sounds[0].vectors
    lists = [choose(alike(200, diversity=diversity, versions=True)) for diversity in (0.0, 0.3, 0.6, 1.0)]
    within = [float((vectors[each] @ vectors[each].T)[~np.eye(10, dtype=bool)].mean()) for each in lists]
    assert len({tuple(each) for each in lists}) == len(lists)
    assert within == sorted(within, reverse=True)
    assert within[-1] < within[0] - 0.2


def test_a_diverse_list_stays_among_the_relevant() -> None:
    assert choose(alike(400, diversity=0.3, versions=True)).max() < 200


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_of_equals_the_first_wins(diversity: float) -> None:
    same = Sound(vectors=np.tile(clustered(1, seed=0), (4, 1)), crowd=0.0)
    asked = alike(4, relevance=np.full(4, 0.5), sounds=[same], diversity=diversity, versions=True, limit=4)
    assert choose(asked).tolist() == [0, 1, 2, 3]


def test_being_unlike_one_of_the_chosen_is_not_enough() -> None:
    like_first, like_both = [0.9, 0, 0.19**0.5, 0], [0.5, 0.5, 0, 0.5**0.5]
    vectors = np.array([[1, 0, 0, 0], [0, 1, 0, 0], like_first, like_both], np.float32)
    asked = alike(4, sounds=[Sound(vectors=vectors, crowd=0.0)], relevance=np.array([0.9, 0.8, 0.7, 0.6]), limit=3)
    assert choose(replace(asked, diversity=0.6)).tolist() == [0, 1, 3]


def test_relevance_puts_tiers_before_scores_and_stays_between_0_and_1() -> None:
    score, tier = np.array([0.2, 0.9, 1.0, np.nan, 0.0]), np.array([0, 2, 2, 1, 0])
    found = relevance(score, tier)
    assert np.argsort(-found[[0, 1, 2, 4]]).tolist() == [0, 3, 2, 1]
    assert np.isnan(found[3])
    assert (found[[0, 1, 2, 4]] >= 0).all()
    assert found[~np.isnan(found)].max() <= 1
    assert relevance(np.array([0.3, 0.7]), np.zeros(2, np.int64)).tolist() == [0.3, 0.7]


@LISTEN
@given(asked=choices(), beside=st.sets(st.integers(0, 29), max_size=3), copies=st.integers(0, 9))
def test_comparing_only_what_might_be_next_changes_nothing(asked: Choice, beside: set[int], copies: int) -> None:
    for sound in asked.sounds:
        sound.vectors[:copies] = sound.vectors[-copies or len(sound.vectors) :][: len(sound.vectors[:copies])]
    there = sorted({one % len(asked.candidates) for one in beside})
    asked = replace(asked, beside=there)
    assert choose(asked).tolist() == compared_each_time(asked)


def test_a_space_in_which_all_are_near_tells_them_apart_like_any_other() -> None:
    vectors = clustered(60, seed=5)
    crowded = np.hstack([vectors * np.sqrt(0.1), np.full((60, 1), np.sqrt(0.9))]).astype(np.float32)
    sounds = [Sound.of(each, Background.fit(each)) for each in (vectors, crowded)]
    lists = [choose(alike(60, sounds=[sound], diversity=0.5)).tolist() for sound in sounds]
    assert lists[0] == lists[1]


def test_thousands_of_candidates_take_no_time() -> None:
    asked = alike(5_000, diversity=0.3, limit=25)
    began = time.perf_counter()
    assert len(choose(asked)) == 25
    assert time.perf_counter() - began < 1.0


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
