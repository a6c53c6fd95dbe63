"""Measures of two ranked lists: their properties, and numbers that were worked out elsewhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.arithmetic.rankings import jaccard, kendall_tau, likeness, overlap, rank_biased_overlap

LISTS = st.lists(st.integers(0, 30), unique=True, max_size=20)
P = st.floats(0.05, 0.98)
quick = settings(max_examples=60, deadline=None)


def summed(a: list[int], b: list[int], p: float) -> float:
    """Rank-biased overlap as its definition has it, depth by depth, until nothing is left to add."""
    total, weight, depth, agreement = 0.0, 1 - p, 0, 0.0
    while weight > 1e-12:
        depth += 1
        if depth <= max(len(a), len(b)):
            agreement = len(set(a[:depth]) & set(b[:depth])) / depth
        total += weight * agreement
        weight *= p
    return total


@given(a=LISTS, b=LISTS, p=P)
@quick
def test_every_measure_is_the_same_when_the_lists_change_places(a: list[int], b: list[int], p: float) -> None:
    assert likeness(a, b, k=10, p=p) == likeness(b, a, k=10, p=p)


@given(a=LISTS, p=P)
@quick
def test_equal_lists_are_wholly_alike(a: list[int], p: float) -> None:
    found = likeness(a, a, k=25, p=p)
    assert (found.overlap, found.jaccard, found.kendall_tau) == (1, 1, 1)
    assert found.rank_biased_overlap == pytest.approx(1)


@given(a=st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=20), p=P)
@quick
def test_lists_without_anything_in_common_are_not_alike(a: list[int], p: float) -> None:
    other = [one + 100 for one in a]
    found = likeness(a, other, k=25, p=p)
    assert (found.overlap, found.jaccard, found.rank_biased_overlap) == (0, 0, 0)
    tau = found.kendall_tau
    assert tau is not None
    assert -1 <= tau < -2 / 3


@given(a=LISTS, b=LISTS, p=P)
@quick
def test_measures_stay_within_their_bounds(a: list[int], b: list[int], p: float) -> None:
    found = likeness(a, b, k=25, p=p)
    assert all(0 <= share <= 1 for share in (found.overlap, found.jaccard, found.rank_biased_overlap))
    assert found.kendall_tau is None or -1 <= found.kendall_tau <= 1


@given(a=st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=20), b=LISTS, p=st.floats(0.05, 0.95))
@quick
def test_rank_biased_overlap_is_the_sum_that_defines_it(a: list[int], b: list[int], p: float) -> None:
    if b:
        assert rank_biased_overlap(a, b, p=p) == pytest.approx(summed(a, b, p), abs=1e-9)


@given(a=st.lists(st.integers(0, 30), unique=True, min_size=2, max_size=20))
@quick
def test_a_list_and_its_reverse_are_opposites(a: list[int]) -> None:
    assert kendall_tau(a, a[::-1]) == pytest.approx(-1)
    assert overlap(a, a[::-1]) == 1


def test_a_change_at_the_top_weighs_more_than_one_at_the_end() -> None:
    ranked = list(range(10))
    top, end = [1, 0, *ranked[2:]], [*ranked[:8], 9, 8]
    assert rank_biased_overlap(ranked, top) < rank_biased_overlap(ranked, end) < 1
    assert kendall_tau(ranked, top) == kendall_tau(ranked, end) == pytest.approx(1 - 2 / 45)


def test_one_place_against_many_is_not_wholly_alike_for_its_first() -> None:
    # 0.1 / 0.9 * sum of 0.9**d / d to d = 16, and 0.9**16 / 16.
    assert rank_biased_overlap([0], list(range(16))) == pytest.approx(0.259583, abs=1e-6)


def test_what_a_list_lacks_shares_the_place_after_its_last() -> None:
    # Places 0 1 2 3 4 4 against 1 0 4 4 2 3: 15 pairs, 1 tied on each side, 3 more agree than do not: 3 / 14.
    assert kendall_tau("abcd", "baef") == pytest.approx(3 / 14)
    assert kendall_tau("abcd", "acdb") == pytest.approx(1 / 3)


def test_an_empty_list_has_no_order_to_compare() -> None:
    assert kendall_tau([], [1, 2]) is None
    assert (overlap([], [1]), jaccard([], [1]), rank_biased_overlap([], [1])) == (0, 0, 0)
    assert (overlap([], []), jaccard([], []), rank_biased_overlap([], [])) == (1, 1, 1)


def test_only_the_first_k_are_compared() -> None:
    assert likeness([1, 2, 3], [1, 2, 4], k=2).overlap == 1
    assert likeness([1, 2, 3], [1, 2, 4], k=3).overlap == pytest.approx(2 / 3)
