"""What folding several models into one order never does, whatever they say."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.arithmetic.merging import STRATEGIES, Merged, merge
from recommendations.domain import Merge
from recommendations.results import ModelScores

LISTEN = settings(max_examples=60, deadline=None)
strategies = st.sampled_from(sorted(STRATEGIES))


@st.composite
def model_lists(draw: st.DrawFn) -> list[ModelScores]:
    """One to four models with some scores missing, some equal, and hits where there is a score or not."""
    count, size = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    score = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, np.nan]))
    rows = st.lists(score, min_size=size, max_size=size)
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    return [model(f"m{number}", draw(rows), draw(flags)) for number in range(count)]


def model(name: str, scores: list[float], hits: list[bool] | None = None) -> ModelScores:
    found = np.array([True] * len(scores) if hits is None else hits)
    empty = np.full((1, len(scores)), np.nan)
    return ModelScores(
        model=name, scores=np.array(scores), among_hits=found, similarity=empty, negative=np.full(len(scores), np.nan)
    )


def kept(merged: Merged) -> set[int]:
    return set(np.flatnonzero(~np.isnan(merged.score)).tolist())


def order(merged: Merged) -> list[int]:
    out = np.isnan(merged.score)
    ranked: list[int] = np.lexsort((-merged.score, np.where(out, 99, merged.tier))).tolist()
    return ranked[: int((~out).sum())]


def same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@LISTEN
@given(models=model_lists(), strategy=strategies, data=st.data())
def test_the_order_of_the_models_changes_nothing(models: list[ModelScores], strategy: Any, data: st.DataObject) -> None:
    agreement = data.draw(st.integers(1, len(models)))
    priorities = data.draw(st.dictionaries(st.sampled_from([each.model for each in models]), st.integers(1, 3)))
    asked = Merge(strategy=strategy, agreement=agreement, priorities=priorities)
    shuffled = data.draw(st.permutations(models))
    one, other = merge(models, asked), merge(shuffled, asked)
    assert same(one.score, other.score)
    assert same(one.agreement, other.agreement)
    assert same(one.tier[~np.isnan(one.score)], other.tier[~np.isnan(other.score)])


@LISTEN
@given(models=model_lists(), strategy=strategies, data=st.data())
def test_scores_stay_between_0_and_1(models: list[ModelScores], strategy: Any, data: st.DataObject) -> None:
    merged = merge(models, Merge(strategy=strategy, agreement=data.draw(st.integers(1, len(models)))))
    known = merged.score[~np.isnan(merged.score)]
    assert ((known >= 0) & (known <= 1)).all()


@LISTEN
@given(models=model_lists())
def test_a_union_contains_the_intersection_and_what_priority_keeps(models: list[ModelScores]) -> None:
    union, both, priority = (
        kept(merge(models, Merge(strategy=each))) for each in ("union", "intersection", "priority")
    )
    assert both <= priority <= union


@LISTEN
@given(models=model_lists(), strategy=strategies)
def test_more_agreement_keeps_less(models: list[ModelScores], strategy: Any) -> None:
    asked = [Merge(strategy=strategy, agreement=least) for least in range(1, len(models) + 1)]
    keeps = [kept(merge(models, each)) for each in asked]
    assert all(more >= fewer for more, fewer in pairwise(keeps))


@LISTEN
@given(models=model_lists(), data=st.data())
def test_more_agreement_comes_first_and_is_enough(models: list[ModelScores], data: st.DataObject) -> None:
    least = data.draw(st.integers(2, max(2, len(models))))
    if least > len(models):
        return
    merged = merge(models, Merge(agreement=least))
    agreeing = merged.agreement[order(merged)]
    assert (np.diff(agreeing) <= 0).all()
    assert (agreeing >= least).all()


@LISTEN
@given(models=model_lists())
def test_all_must_agree_is_the_intersection(models: list[ModelScores]) -> None:
    agreed = merge(models, Merge(agreement=len(models)))
    if len(models) > 1:
        assert same(agreed.score, merge(models, Merge(strategy="intersection")).score)


@LISTEN
@given(models=model_lists())
def test_priority_begins_with_the_intersection_and_throws_no_hit_away(models: list[ModelScores]) -> None:
    both, merged = merge(models, Merge(strategy="intersection")), merge(models, Merge(strategy="priority"))
    assert set(order(merged)[: len(kept(both))]) == kept(both)
    assert kept(merged) == set(np.flatnonzero(merged.agreement > 0).tolist())


@LISTEN
@given(models=model_lists(), data=st.data())
def test_a_higher_score_never_moves_a_candidate_down_in_a_union(models: list[ModelScores], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(models[0].scores) - 1))
    raised = models[0].scores.copy()
    raised[which] = np.fmax(raised[which], 0.0) / 2 + 0.5
    after = merge([replace(models[0], scores=raised), *models[1:]], Merge())
    assert after.score[which] >= np.nan_to_num(merge(models, Merge()).score[which])


def test_priority_takes_what_is_left_in_the_order_of_the_models() -> None:
    first = model("a", [0.9, 0.8, 0.7], [True, True, False])
    second = model("b", [0.9, 0.95, 0.99], [True, False, True])
    merged = merge([first, second], Merge(strategy="priority", priorities={"b": 1, "a": 2}))
    assert order(merged) == [0, 2, 1]
    assert merged.score.tolist() == pytest.approx([0.9, 0.8, 0.99])
    assert merged.tier.tolist() == [0, 2, 1]


@LISTEN
@given(scores=st.lists(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=2), min_size=1, max_size=4))
def test_a_mean_lies_between_its_scores(scores: list[list[float]]) -> None:
    merged = merge([model(f"m{place}", row) for place, row in enumerate(scores)], Merge(strategy="intersection"))
    low, high = np.min(scores, axis=0), np.max(scores, axis=0)
    assert ((merged.score >= low - 1e-12) & (merged.score <= high + 1e-12)).all()


def test_two_that_agree_beat_one_that_is_surer() -> None:
    merged = merge([model("a", [0.99, 0.7], [True, True]), model("b", [0.2, 0.8], [False, True])], Merge(agreement=2))
    assert order(merged) == [1]
    # Odds of 7:3 and 4:1 have the geometric mean 3.055:1.
    assert merged.score[1] == pytest.approx(0.7534, abs=1e-4)


@pytest.mark.parametrize("agreement", [0, 3])
def test_what_cannot_agree_is_refused(agreement: int) -> None:
    with pytest.raises(Refused) as refused:
        merge([model("a", [0.5]), model("b", [0.5])], Merge(agreement=agreement))
    assert refused.value.code == "bad_agreement"
