"""Pooling: what many queries say of a candidate lies between their mean and the greatest, whatever their order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommendations.arithmetic.pooling import influence, latest, pool, recency

Matrix = NDArray[np.float64]
FEW = settings(max_examples=60, deadline=None)
sharpnesses = st.one_of(st.just(0.0), st.floats(0.01, 100.0), st.just(float("inf")))
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@st.composite
def said(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    """Log odds of some candidates by some queries, and the queries' weights."""
    queries, candidates = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    odds = chance.normal(0, draw(st.sampled_from([0.1, 3.0, 50.0])), (queries, candidates))
    return odds, chance.uniform(0.01, 10.0, queries)


@FEW
@given(said=said(), sharpness=sharpnesses)
def test_pooled_lies_between_the_mean_and_the_greatest(said: tuple[Matrix, Matrix], sharpness: float) -> None:
    odds, weights = said
    pooled = pool(odds, weights, sharpness)
    assert (pooled <= odds.max(axis=0) + 1e-9).all()
    assert (pooled >= np.average(odds, axis=0, weights=weights) - 1e-9).all()


@FEW
@given(said=said(), sharpness=sharpnesses, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_queries_means_nothing(said: tuple[Matrix, Matrix], sharpness: float, seed: int) -> None:
    odds, weights = said
    order = np.random.default_rng(seed).permutation(len(weights))
    assert pool(odds[order], weights[order], sharpness) == pytest.approx(pool(odds, weights, sharpness), abs=1e-9)


@FEW
@given(said=said(), sharpness=sharpnesses, more=st.floats(0.0, 20.0))
def test_more_similarity_to_any_query_never_lowers(said: tuple[Matrix, Matrix], sharpness: float, more: float) -> None:
    odds, weights = said
    raised = odds.copy()
    raised[0] += more
    assert (pool(raised, weights, sharpness) >= pool(odds, weights, sharpness) - 1e-9).all()


@FEW
@given(said=said(), sharpness=sharpnesses, factor=st.floats(1.0, 100.0))
def test_more_weight_never_lowers_what_is_nearest_to_it(
    said: tuple[Matrix, Matrix], sharpness: float, factor: float
) -> None:
    odds, weights = said
    heavier = weights * np.where(np.arange(len(weights)) == 0, factor, 1.0)
    nearest = odds.argmax(axis=0) == 0
    assert (pool(odds, heavier, sharpness) >= pool(odds, weights, sharpness) - 1e-9)[nearest].all()
    assert (influence(odds, heavier, sharpness)[0] >= influence(odds, weights, sharpness)[0] - 1e-9).all()


@FEW
@given(said=said(), sharpness=sharpnesses)
def test_one_query_twice_is_one_query_of_their_weights_together(said: tuple[Matrix, Matrix], sharpness: float) -> None:
    odds, weights = said
    twice = np.concatenate([odds, odds[:1]]), np.concatenate([weights, weights[:1]])
    once = odds, weights * np.where(np.arange(len(weights)) == 0, 2.0, 1.0)
    assert pool(*twice, sharpness) == pytest.approx(pool(*once, sharpness), abs=1e-9)


@FEW
@given(said=said(), sharpness=sharpnesses)
def test_shares_of_a_candidate_are_one_together(said: tuple[Matrix, Matrix], sharpness: float) -> None:
    shares = influence(*said, sharpness)
    assert (shares >= 0).all()
    assert shares.sum(axis=0) == pytest.approx(np.ones(shares.shape[1]))


def test_sharpness_leads_from_the_mean_to_the_greatest() -> None:
    odds, weights = np.array([[3.0], [0.0], [-3.0]]), np.ones(3)
    pooled = [float(pool(odds, weights, sharpness)[0]) for sharpness in (0.0, 0.5, 1.0, 5.0, float("inf"))]
    assert pooled == sorted(pooled)
    assert (pooled[0], pooled[-1]) == pytest.approx((0.0, 3.0))


@given(days=st.floats(0.0, 10_000.0), half_life=st.floats(0.1, 1000.0))
def test_half_of_a_weight_is_left_after_every_half_life(days: float, half_life: float) -> None:
    played = NOW - timedelta(days=days)
    left = recency(played, NOW, half_life)
    assert recency(played - timedelta(days=half_life), NOW, half_life) == pytest.approx(left / 2, rel=1e-3)
    assert 0 <= left <= 1


def test_what_is_unknown_or_still_to_come_keeps_its_weight() -> None:
    assert recency(None, NOW, 30.0) == 1.0
    assert recency(NOW + timedelta(days=9), NOW, 30.0) == 1.0
    assert recency(NOW - timedelta(days=9), NOW, 0.0) == 1.0


@given(days=st.lists(st.floats(-100.0, 100_000.0), min_size=1, max_size=5), shift=st.integers(-10_000, 10_000))
def test_a_list_never_dies_of_age_nor_changes_when_time_is_told_otherwise(days: list[float], shift: int) -> None:
    played, by = [NOW - timedelta(days=each) for each in days], timedelta(days=shift)
    since = latest(played, NOW)
    left = [recency(each, since, 14.0) for each in played]
    assert max(left) == 1.0
    assert left == [recency(each + by, latest([each + by for each in played], NOW + by), 14.0) for each in played]
