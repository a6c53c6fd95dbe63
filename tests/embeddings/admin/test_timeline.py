"""Charts tell the same as the records that they are made of, however long a job was."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.admin.axes import BOTTOM, LEFT, RIGHT, TOP, round_step
from embeddings.admin.charts import Chart, duration_chart, failure_bars, rate_chart
from embeddings.admin.timeline import MOST, Slice, durations, paces, round_width

NOON = 1_700_000_000.0
PIECES = st.builds(
    lambda start, length, operations: Slice(start=NOON + start, end=NOON + start + length, operations=operations),
    st.floats(0, 200_000),
    st.floats(0.01, 5_000),
    st.integers(0, 500),
)


def two_days() -> list[Slice]:
    """As many slices as a job of 100,000 tracks with three models leaves, by two workers."""
    return [Slice(start=NOON + 29 * n, end=NOON + 29 * n + 55, operations=64) for n in range(6000)]


@settings(derandomize=True, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=30))
def test_no_operation_is_lost_or_counted_twice(slices: list[Slice]) -> None:
    found = paces(slices)
    told = sum(pace.per_minute * (pace.end - pace.start) / 60 for pace in found)
    assert told == pytest.approx(sum(piece.operations for piece in slices), rel=1e-6, abs=1e-6)
    assert len(found) <= MOST
    assert [pace.end for pace in found[:-1]] == [pace.start for pace in found[1:]]


@settings(derandomize=True, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=30))
def test_every_slice_has_a_duration_in_one_stretch(slices: list[Slice]) -> None:
    found = durations(slices)
    assert sum(one.slices for one in found) == len(slices)
    assert len(found) <= MOST
    assert all(one.median <= one.p95 for one in found)


def test_two_workers_are_twice_as_fast() -> None:
    one = [Slice(start=NOON + 10 * n, end=NOON + 10 * n + 10, operations=10) for n in range(30)]
    assert {round(pace.per_minute, 6) for pace in paces(one)} == {60.0}
    assert {round(pace.per_minute, 6) for pace in paces(one + one)} == {120.0}


def test_a_night_without_work_is_drawn_as_nothing() -> None:
    slices = [Slice(start=NOON + at, end=NOON + at + 60, operations=60) for at in (0, 30_000)]
    found = paces(slices)
    assert sum(pace.per_minute == 0 for pace in found) > len(found) * 0.9


def test_stretches_begin_at_round_moments() -> None:
    inner = paces(two_days())[1:-1]
    assert {pace.start % round_width(6000 * 29, MOST - 1) for pace in inner} == {0.0}


def test_nothing_is_drawn_before_the_first_slice() -> None:
    assert (rate_chart([]), duration_chart([]), failure_bars({}, {})) == (None, None, None)


@pytest.mark.parametrize("draw", [rate_chart, duration_chart])
@pytest.mark.parametrize("slices", [two_days(), two_days()[:1], [Slice(start=NOON, end=NOON, operations=3)]])
def test_everything_lies_inside_the_drawing(draw: type, slices: list[Slice]) -> None:
    chart: Chart = draw(slices)
    for line in chart.lines:
        across = [float(x) for pair in re.findall(r"[ML]([\d.]+) |H([\d.]+)", line.path) for x in pair if x]
        heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line.path)]
        assert min(across) >= LEFT
        assert max(across) <= RIGHT
        assert min(heights) >= TOP
        assert max(heights) <= BOTTOM
    assert 2 <= len(chart.values) <= 7
    assert len(chart.times) <= 7


def test_the_rate_of_a_long_job_is_told_in_a_sentence() -> None:
    chart = rate_chart(two_days())
    assert chart is not None
    assert chart.description.startswith("384,000 operations from 2023-11-14 22:13:20 to 2023-11-16 22:33:46 UTC: 132 ")
    assert len(chart.rows) <= MOST


def test_failures_come_most_frequent_first() -> None:
    bars = failure_bars({"not_audio": 2, "decode_timeout": 9}, {"not_audio": 2, "decode_timeout": 1})
    assert bars is not None
    assert [(bar.label, bar.words) for bar in bars.bars] == [
        ("decode_timeout", "1 failed now, 9 attempts"),
        ("not_audio", "2 failed now, 2 attempts"),
    ]
    assert bars.bars[0].attempts_width == 480
    assert bars.bars[1].attempts_width == bars.bars[1].failed_width == pytest.approx(106.7)


@settings(derandomize=True, deadline=None)
@given(st.floats(1e-6, 1e9))
def test_axes_count_in_ones_twos_and_fives(value: float) -> None:
    step = round_step(value)
    assert value * (1 - 1e-6) <= step <= value * 2.5 * (1 + 1e-6)
    assert f"{step:e}"[0] in "125"
