"""What moves candidates down never lifts them, and does nothing where nothing is asked."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.arithmetic.scoring import (
    dislike_factor,
    explore,
    familiarity_factor,
    marked_factor,
    negative_factor,
    penalise_negatives,
)
from recommendations.results import ModelScores

LISTEN = settings(max_examples=60, deadline=None)
Array = NDArray[np.float64]

SIZE = 9
share = st.floats(0, 1)
known = st.one_of(share, st.just(np.nan))
scores = arrays(np.float64, SIZE, elements=known)
penalties = st.floats(0.3, 1)


def model(values: Array, negative: Array) -> ModelScores:
    nothing = np.full((1, SIZE), np.nan)
    return ModelScores(model="m", scores=values, among_hits=np.ones(SIZE, bool), similarity=nothing, negative=negative)


@LISTEN
@given(values=scores, negative=scores)
def test_a_penalty_of_1_changes_nothing(values: Array, negative: Array) -> None:
    assert np.array_equal(penalise_negatives(model(values, negative), 1.0).scores, values, equal_nan=True)


@LISTEN
@given(values=scores, negative=scores, penalty=penalties, other=penalties)
def test_a_smaller_penalty_never_raises_a_score(values: Array, negative: Array, penalty: float, other: float) -> None:
    small, large = sorted((penalty, other))
    lower, higher = (penalise_negatives(model(values, negative), each).scores for each in (small, large))
    there = ~np.isnan(values)
    assert (lower[there] <= higher[there]).all()
    assert (lower[there] >= 0).all()
    assert np.isnan(lower[~there]).all()


def test_what_is_exactly_negative_keeps_the_penalty() -> None:
    assert negative_factor(np.array([1.0, 0.5, 0.0, np.nan]), 0.85).tolist() == pytest.approx([0.85, 0.925, 1, 1])


@pytest.mark.parametrize("penalty", [0.29, 1.01, np.nan])
def test_a_penalty_beyond_its_bounds_is_refused(penalty: float) -> None:
    with pytest.raises(Refused, match="A penalty is between"):
        negative_factor(np.zeros(1), penalty)


similarities = arrays(np.float64, (3, SIZE), elements=known)
marks = arrays(np.float64, 3, elements=share)


@LISTEN
@given(heard=st.lists(similarities, min_size=1, max_size=3), marked=marks, one=share, other=share)
def test_dislikes_stay_between_0_and_1_and_more_strength_never_raises(
    heard: list[Array], marked: Array, one: float, other: float
) -> None:
    weak, strong = (dislike_factor(heard, marked, strength) for strength in sorted((one, other)))
    assert ((strong >= 0) & (strong <= weak) & (weak <= 1)).all()
    assert (dislike_factor(heard, marked, 0.0) == 1).all()


@LISTEN
@given(heard=similarities, marked=marks, strength=share, order=st.permutations(range(3)))
def test_the_order_of_dislikes_changes_nothing(heard: Array, marked: Array, strength: float, order: list[int]) -> None:
    shuffled = dislike_factor([heard[order]], marked[order], strength)
    assert shuffled == pytest.approx(dislike_factor([heard], marked, strength), rel=1e-9)


@LISTEN
@given(heard=st.lists(similarities, min_size=1, max_size=3), marked=marks, strength=share, left=st.integers(0, 3))
def test_another_dislike_never_raises_a_score(heard: list[Array], marked: Array, strength: float, left: int) -> None:
    few = dislike_factor([each[:left] for each in heard], marked[:left], strength)
    assert (dislike_factor(heard, marked, strength) <= few).all()


@LISTEN
@given(heard=similarities, marked=marks, strength=share, other=marks)
def test_disliking_something_more_never_raises_a_score(
    heard: Array, marked: Array, strength: float, other: Array
) -> None:
    more = dislike_factor([heard], np.maximum(marked, other), strength)
    assert (more <= dislike_factor([heard], marked, strength)).all()


def test_many_dislikes_of_one_kind_count_as_much_as_few() -> None:
    kind = np.random.default_rng(0).uniform(0.99, 1.0, (20, 500))
    left = [dislike_factor([kind[:count]], np.ones(count), 1.0).mean() for count in (1, 3, 20)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.1


@pytest.mark.parametrize("dislikes", [1, 10, 60])
def test_each_dislike_touches_a_small_share_of_random_tracks(dislikes: int) -> None:
    random = np.random.default_rng(0).random((dislikes, 20_000))
    touched = (dislike_factor([random], np.ones(dislikes), 1.0) < 1).mean()
    assert touched == pytest.approx(1 - 0.995**dislikes, rel=0.2)


def test_what_sounds_like_a_dislike_itself_is_gone_at_full_strength() -> None:
    similarity = np.array([[1.0 - 1e-9, 0.5]])
    assert dislike_factor([similarity], np.ones(1), 1.0).tolist() == pytest.approx([0, 1], abs=1e-6)
    assert dislike_factor([similarity], np.array([0.5]), 0.8).tolist() == pytest.approx([0.6, 1], abs=1e-6)


def test_without_dislikes_nothing_is_touched() -> None:
    assert dislike_factor([np.empty((0, SIZE))], np.empty(0), 1.0).tolist() == [1.0] * SIZE


def test_who_is_disliked_himself_is_gone_at_full_strength_and_moved_down_before() -> None:
    assert marked_factor(np.array([1.0, 0.5, np.nan]), 1.0).tolist() == [0, 0.5, 1]
    assert marked_factor(np.array([1.0, 0.5, np.nan]), 0.85).tolist() == pytest.approx([0.15, 0.575, 1])


@LISTEN
@given(knows=scores, familiarity=st.floats(-1, 1))
def test_familiarity_moves_one_end_down_and_leaves_the_other(knows: Array, familiarity: float) -> None:
    factor = familiarity_factor(knows, familiarity)
    assert ((factor >= 0) & (factor <= 1)).all()
    untouched, touched = (0.0, 1.0) if familiarity < 0 else (1.0, 0.0)
    edges = familiarity_factor(np.array([untouched, touched]), familiarity)
    assert edges.tolist() == pytest.approx([1.0, 1.0 - abs(familiarity)])


@LISTEN
@given(values=scores, limit=st.integers(1, 5))
def test_no_exploration_changes_nothing(values: Array, limit: int) -> None:
    assert np.array_equal(explore(values, 0.0, limit), values, equal_nan=True)


@LISTEN
@given(values=scores, exploration=share, limit=st.integers(1, 5))
def test_exploration_lifts_nothing_and_drops_nobody(values: Array, exploration: float, limit: int) -> None:
    explored = explore(values, exploration, limit)
    assert np.array_equal(np.isnan(explored), np.isnan(values))
    there = ~np.isnan(values)
    assert (explored[there] <= values[there]).all()
    assert (explored[there] >= 0).all()


def test_exploration_lets_the_farther_win_over_the_nearest_and_keeps_the_best_in_reach() -> None:
    falling = np.linspace(1, 0.9, 200)
    places = np.argsort(-explore(falling, 0.5, 10), kind="stable")
    assert places[0] == 20
    assert np.flatnonzero(places == 0)[0] == pytest.approx(25, abs=1)
    assert places[60:].tolist() == list(range(60, 200))


def test_more_exploration_reaches_farther() -> None:
    falling = np.linspace(1, 0.5, 400)
    reached = [np.argsort(-explore(falling, each, 10), kind="stable")[:10].mean() for each in (0, 0.25, 0.5, 1)]
    assert reached == sorted(reached)
    assert reached[-1] > 30


@pytest.mark.parametrize("broken", [-0.1, 1.1])
def test_strengths_beyond_their_bounds_are_refused(broken: float) -> None:
    rules: list[Callable[[], object]] = [
        lambda: dislike_factor([np.ones((1, 1))], np.ones(1), broken),
        lambda: marked_factor(np.ones(1), broken),
        lambda: explore(np.ones(1), broken, 1),
        lambda: familiarity_factor(np.ones(1), broken * 20),
    ]
    for rule in rules:
        with pytest.raises(Refused):
            rule()
