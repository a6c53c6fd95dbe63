"""Calibration: similarities of any model become the share of random pairs below, and hubs are taken down."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from recommendations.arithmetic.calibration import Background, probability

Vectors = NDArray[np.float32]
FEW = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)
similarities = arrays.arrays(
    np.float64, st.integers(2, 30), elements=st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)
)


def unit(rows: NDArray[np.floating]) -> Vectors:
    unit_rows: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit_rows


def cone(count: int, seed: int, *, offset: float = 0.0, dimension: int = 16) -> Vectors:
    """Vectors round one direction: the greater the offset, the nearer all of them are to each other."""
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    rows[:, 0] += offset
    return unit(rows)


def chances(background: Background, queries: Vectors, candidates: Vectors) -> NDArray[np.float64]:
    return probability(background.log_odds(background.corrected(queries, candidates)))


def occurrence_skewness(scores: NDArray[np.float64], nearest: int = 10) -> float:
    """Of how often each is among the nearest of the others: high where a few are near to everything."""
    np.fill_diagonal(scores, -np.inf)
    counts = np.bincount(np.argsort(-scores, axis=1)[:, :nearest].ravel(), minlength=len(scores)).astype(float)
    return float(((counts - counts.mean()) ** 3).mean() / counts.std() ** 3)


@FEW
@given(seed=seeds, sampled=st.integers(0, 40), values=similarities)
def test_probabilities_are_in_range_and_rise_with_similarity(
    seed: int, sampled: int, values: NDArray[np.float64]
) -> None:
    odds = Background.fit(cone(sampled, seed)).log_odds(np.sort(values))
    found = probability(odds)
    assert np.isfinite(odds).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(odds) >= -1e-9 * np.abs(odds[1:])).all()


@FEW
@given(seed=seeds, sampled=st.integers(0, 5), texts=st.integers(0, 5))
def test_the_smallest_samples_still_compare(seed: int, sampled: int, texts: int) -> None:
    background = Background.fit(cone(sampled, seed), cone(texts, seed + 1))
    found = chances(background, cone(3, seed + 2), cone(7, seed + 3))
    assert found.shape == (3, 7)
    assert ((found >= 0) & (found <= 1)).all()


@FEW
@given(seed=seeds)
def test_the_order_of_the_sample_means_nothing(seed: int) -> None:
    tracks, others = cone(40, seed), cone(10, seed + 1)
    shuffled = tracks[np.random.default_rng(seed).permutation(40)]
    assert chances(Background.fit(tracks), others, others) == pytest.approx(
        chances(Background.fit(shuffled), others, others), abs=1e-4
    )


@pytest.mark.parametrize("offset", [0.0, 3.0, 30.0])
def test_random_pairs_are_spread_evenly_whatever_the_cosines(offset: float) -> None:
    background = Background.fit(cone(256, 1, offset=offset))
    found = chances(background, cone(500, 2, offset=offset), cone(600, 3, offset=offset))
    shares = [float((found < edge).mean()) for edge in (0.1, 0.5, 0.9, 0.99)]
    assert shares == pytest.approx([0.1, 0.5, 0.9, 0.99], abs=0.03)


@FEW
@given(seed=st.integers(0, 1000))
def test_a_hub_is_demoted(seed: int) -> None:
    tracks = cone(120, seed, offset=4.0, dimension=100)
    hub = unit(tracks.mean(axis=0, keepdims=True))
    everything = np.concatenate([tracks, hub])
    plain = (tracks @ everything.T).astype(np.float64)
    corrected = Background.fit(tracks).corrected(tracks, everything)
    before, after = ((scores[:, :-1] > scores[:, -1:]).sum(axis=1).mean() for scores in (plain, corrected))
    assert before < 4
    assert after > 10


def test_the_skewness_of_occurrence_falls() -> None:
    chance = np.random.default_rng(5)
    tracks = unit(np.eye(1, 64) * 2 + chance.lognormal(0, 0.7, (300, 1)) * chance.standard_normal((300, 64)))
    plain = occurrence_skewness((tracks @ tracks.T).astype(np.float64))
    corrected = occurrence_skewness(Background.fit(tracks[::2]).corrected(tracks, tracks))
    assert plain > 2
    assert corrected < 0.6 * plain


def test_what_is_nearer_than_anything_sampled_stays_apart() -> None:
    background = Background.fit(cone(100, 6))
    beyond = background.log_odds(background.pairs[-1] + np.arange(100.0))
    assert (np.diff(beyond) > 0).all()


def test_a_sampled_track_does_not_count_as_its_own_company() -> None:
    tracks = cone(5, 8)
    mine, others = tracks[:1], cone(5, 9)
    without = Background.fit(tracks[1:]).by_query(mine, (mine @ others.T).astype(np.float64))
    assert Background.fit(tracks).by_query(mine, (mine @ others.T).astype(np.float64)) == pytest.approx(without)


def test_texts_have_a_background_of_their_own() -> None:
    tracks = cone(256, 1, offset=4.0)
    gap = np.zeros(16)
    gap[1] = 4.0
    texts = unit(cone(400, 2) + gap)
    by_texts = chances(Background.fit(tracks, texts[:200]), texts[200:], tracks)
    by_tracks = chances(Background.fit(tracks), texts[200:], tracks)
    assert float(np.median(by_texts)) == pytest.approx(0.5, abs=0.05)
    assert abs(float(np.median(by_tracks)) - 0.5) > 0.1


def test_texts_of_which_nothing_is_known_are_compared_by_their_own_side() -> None:
    tracks = cone(256, 1, offset=4.0)
    gap = np.zeros(16)
    gap[1] = 4.0
    texts = unit(cone(200, 2) + gap)
    background = Background.fit(tracks, np.empty((0, 16), np.float32))
    found = chances(background, texts, cone(500, 3, offset=4.0))
    shares = [float((found < edge).mean()) for edge in (0.1, 0.5, 0.9, 0.99)]
    assert shares == pytest.approx([0.1, 0.5, 0.9, 0.99], abs=0.05)
