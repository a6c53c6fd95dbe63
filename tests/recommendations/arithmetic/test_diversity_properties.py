"""What an answer's choice keeps to, whatever there is to choose from."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.arithmetic.calibration import Background
from recommendations.arithmetic.diversity import Choice, Sound, choose, relevance
from tests.recommendations.arithmetic.choosing import LISTEN, alike, best_first, choices, compared_each_time
from tests.recommendations.candidates import candidate, clustered


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
