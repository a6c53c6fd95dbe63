"""Bridges: a ridge regression that finds a linear relation where there is one, and says so where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommendations.arithmetic.bridge import FOLDS, STRENGTHS, Bridge, Quality, learn, solve

Vectors = NDArray[np.float32]
FEW = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def unit(rows: NDArray[np.floating]) -> Vectors:
    unit_rows: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit_rows


def pairs(
    count: int, seed: int, *, joint: int = 24, dimension: int = 32, noise: float = 0.0, offset: float = 0.0
) -> tuple[Vectors, Vectors]:
    """Vectors of tracks in two spaces that are a linear map, a cone and some noise apart."""
    chance = np.random.default_rng(seed)
    x = unit(chance.standard_normal((count, joint)))
    there = np.random.default_rng(0).standard_normal((joint, dimension))
    y = x @ there + offset * np.ones(dimension) + noise * chance.standard_normal((count, dimension))
    return x, unit(y)


def textbook(x: NDArray[np.float64], y: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Ridge regression as ordinary least squares with as many more rows as there are dimensions."""
    more = np.sqrt(strength * len(x)) * np.eye(x.shape[1])
    rows, targets = np.concatenate([x, more]), np.concatenate([y, np.zeros((x.shape[1], y.shape[1]))])
    weights: NDArray[np.float64] = np.linalg.lstsq(rows, targets, rcond=None)[0]
    return weights


def best_by_refitting(x: Vectors, y: Vectors, seed: int) -> float:
    """The strength with the least squared error on held-out tracks, found the long way."""
    folds = np.array_split(np.random.default_rng(seed).permutation(len(x)), FOLDS)
    errors = []
    for strength in STRENGTHS:
        error = 0.0
        for held in folds:
            others = np.setdiff1d(np.arange(len(x)), held)
            weights = textbook(x[others].astype(float), y[others].astype(float), strength)
            error += float(((y[held] - x[held] @ weights) ** 2).sum())
        errors.append(error)
    return float(STRENGTHS[int(np.argmin(errors))])


@FEW
@given(seed=seeds, strength=st.sampled_from(list(STRENGTHS)), count=st.integers(20, 60))
def test_the_regression_is_the_textbook_s(seed: int, strength: float, count: int) -> None:
    chance = np.random.default_rng(seed)
    x, y = chance.standard_normal((count, 8)).astype(np.float32), chance.standard_normal((count, 5)).astype(np.float32)
    assert solve(x, y, strength) == pytest.approx(
        textbook(x.astype(float), y.astype(float), strength), rel=1e-2, abs=1e-3
    )


@FEW
@given(seed=st.integers(0, 1000), noise=st.sampled_from([0.02, 0.3, 3.0]), count=st.sampled_from([20, 60, 200]))
def test_the_strength_is_the_one_that_refitting_finds(seed: int, noise: float, count: int) -> None:
    joint, vectors = pairs(count, seed, noise=noise)
    _, quality = learn(joint, vectors, seed=seed)
    centred = unit(joint - joint.mean(axis=0))
    refitted = best_by_refitting(centred, vectors - vectors.mean(axis=0), seed)
    steps = abs(np.log10(quality.strength) - np.log10(refitted)) / 0.5
    # Where two strengths are equally good, rounding decides.
    assert steps == pytest.approx(0, abs=1.01)


@FEW
@given(seed=seeds, offset=st.sampled_from([0.0, 2.0, 20.0]))
def test_a_linear_relation_is_found_whatever_cone_it_leads_into(seed: int, offset: float) -> None:
    joint, vectors = pairs(300, seed, offset=offset)
    bridge, quality = learn(joint[:200], vectors[:200])
    mapped = bridge.map_tracks(joint[200:])
    found = (mapped - bridge.mean) @ (vectors[200:] - bridge.mean).T
    assert (np.argmax(found, axis=1) == np.arange(100)).mean() > 0.95
    assert quality.recall > 0.95


@FEW
@given(seed=seeds)
def test_what_is_mapped_has_unit_length_and_lies_as_far_out_as_tracks(seed: int) -> None:
    joint, vectors = pairs(80, seed, noise=1.0, offset=5.0)
    bridge, _ = learn(joint, vectors)
    mapped = bridge.map_tracks(pairs(40, seed + 1)[0])
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    distances = np.linalg.norm(mapped - bridge.mean, axis=1)
    assert float(distances.mean()) == pytest.approx(bridge.radius, rel=0.15)


@pytest.mark.parametrize("count", [50, 178, 600])
def test_tracks_that_do_not_belong_together_are_found_as_if_by_chance(count: int) -> None:
    joint, vectors = pairs(count, 3)
    _, paired = learn(joint, vectors)
    _, shuffled = learn(joint, vectors[np.random.default_rng(4).permutation(count)])
    assert paired.deviations > 8
    assert shuffled.deviations < 3


def test_a_large_gallery_is_bounded_and_chance_is_that_of_its_size() -> None:
    _, quality = learn(*pairs(1500, 5, noise=0.5))
    assert (quality.tracks, quality.gallery, quality.chance) == (1500, 1000, 0.01)


def test_more_dimensions_than_tracks_are_no_trouble() -> None:
    joint, vectors = pairs(60, 6, joint=200, dimension=16)
    bridge, quality = learn(joint, vectors)
    assert bridge.weights.shape == (200, 16)
    assert np.isfinite(bridge.map_tracks(joint)).all()
    assert 0 <= quality.recall <= 1


def test_the_same_tracks_teach_the_same() -> None:
    joint, vectors = pairs(100, 7, noise=0.5)
    first, second = learn(joint, vectors), learn(joint, vectors)
    assert first[1] == second[1]
    assert np.array_equal(first[0].weights, second[0].weights)


def test_texts_in_a_cone_of_their_own_are_carried_to_what_they_mean() -> None:
    joint, vectors = pairs(400, 8, offset=3.0)
    gap = 3 * unit(np.random.default_rng(9).standard_normal((1, 24)))
    texts = unit(joint[:100] + gap)
    bridge, _ = learn(joint, vectors)
    knowing = Bridge(
        weights=bridge.weights,
        joint_mean=bridge.joint_mean,
        mean=bridge.mean,
        radius=bridge.radius,
        text_mean=texts.mean(axis=0),
    )
    found = {
        name: (mapped @ vectors.T).argmax(axis=1) == np.arange(100)
        for name, mapped in (
            ("own mean", knowing.map(texts)),
            ("mean of tracks", bridge.map_tracks(texts)),
        )
    }
    assert found["own mean"].mean() > 0.9
    assert found["mean of tracks"].mean() < 0.3


def test_no_text_is_mapped_before_their_mean_is_known() -> None:
    bridge, _ = learn(*pairs(60, 10))
    with pytest.raises(ValueError, match="mean"):
        bridge.map(pairs(1, 11)[0])


def test_quality_is_measured_against_guessing() -> None:
    guessed = Quality(tracks=50, strength=1.0, gallery=50, recall=0.2)
    perfect = Quality(tracks=50, strength=1.0, gallery=50, recall=1.0)
    assert (guessed.beyond_chance, perfect.beyond_chance) == (0.0, 1.0)
    assert (guessed.deviations, round(perfect.deviations, 2)) == (0.0, 14.14)
