"""Turns figures into shapes of a drawing: paths, labels and a table, which a template writes as SVG; no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from embeddings.admin.axes import Scale, Stretch, Tick, clock, short, written
from embeddings.admin.timeline import MINUTE, Durations, Slice, durations, paces

WIDTH = 480
ROW = 34
"""Height of one bar with its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart."""

    kind: str
    """What a style sheet calls it."""
    name: str
    path: str
    area: str = ""
    """What lies between it and the axis, where that is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart over time; the same figures are in its table."""

    key: str
    title: str
    description: str
    lines: Sequence[Line]
    times: Sequence[Tick]
    values: Sequence[Tick]
    stretches: Sequence[Stretch]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One kind of failure: attempts, and operations that are failed now."""

    y: float
    label: str
    words: str
    attempts_width: float
    failed_width: float
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Failures by code."""

    title: str
    description: str
    height: int
    bars: Sequence[Bar]


def rate_chart(slices: Sequence[Slice]) -> Chart | None:
    """Draw operations per minute over time; None before the first slice ended."""
    if not (found := paces(slices)):
        return None
    scale = Scale.over(found[0].start, found[-1].end, max(pace.per_minute for pace in found))
    total = sum(piece.operations for piece in slices)
    minutes = (found[-1].end - found[0].start) / MINUTE
    best = max(pace.per_minute for pace in found)
    steps = [(pace.start, pace.end, pace.per_minute) for pace in found]
    return Chart(
        key="rate",
        title="Operations per minute",
        description=f"{total:,} operations {_from_to(found[0].start, found[-1].end)}: "
        f"{short(total / minutes)} per minute on average, {short(best)} at best.",
        lines=[Line(kind="rate", name="rate", path=scale.steps(steps), area=scale.area(steps))],
        times=scale.times(),
        values=scale.values(),
        stretches=[
            scale.stretch(start, end, f"{clock(start, scale.span)}: {short(rate)} per minute")
            for start, end, rate in steps
        ],
        columns=("from (UTC)", "operations per minute"),
        rows=[(written(start), short(rate)) for start, _, rate in steps],
    )


def duration_chart(slices: Sequence[Slice]) -> Chart | None:
    """Draw the median and the 95th percentile of how long slices took, over time; None before the first ended."""
    if not (found := durations(slices)):
        return None
    scale = Scale.over(found[0].start, found[-1].end, max(stretch.p95 for stretch in found))

    def line(kind: str, name: str, value: Callable[[Durations], float]) -> Line:
        return Line(kind=kind, name=name, path=scale.steps([(one.start, one.end, value(one)) for one in found]))

    return Chart(
        key="durations",
        title="Seconds per slice",
        description=f"How long {len(slices):,} slices took {_from_to(found[0].start, found[-1].end)}: "
        "the median, and what 95 of 100 stayed within.",
        lines=[line("p95", "95th percentile", lambda one: one.p95), line("median", "median", lambda one: one.median)],
        times=scale.times(),
        values=scale.values(),
        stretches=[scale.stretch(one.start, one.end, _slice_words(one, scale.span)) for one in found],
        columns=("from (UTC)", "slices", "median, s", "95th percentile, s"),
        rows=[(written(one.start), str(one.slices), short(one.median), short(one.p95)) for one in found],
    )


def failure_bars(attempts: Mapping[str, int], failed: Mapping[str, int]) -> Bars | None:
    """Draw failures by code, the most frequent first; None where there are none.

    Args:
        attempts: failed attempts by code, those that were followed by another among them.
        failed: operations that are failed now, by code.

    """
    codes = sorted({*attempts, *failed}, key=lambda code: (-attempts.get(code, 0), -failed.get(code, 0), code))
    if not codes:
        return None
    most = max(*attempts.values(), *failed.values(), 1)
    return Bars(
        title="Failures by class",
        description=f"{sum(attempts.values()):,} failed attempts; {sum(failed.values()):,} operations are failed now.",
        height=ROW * len(codes),
        bars=[
            Bar(
                y=ROW * place,
                label=code,
                words=_failure_words(attempts.get(code, 0), failed.get(code, 0)),
                attempts_width=round(WIDTH * attempts.get(code, 0) / most, 1),
                failed_width=round(WIDTH * failed.get(code, 0) / most, 1),
                attempts=attempts.get(code, 0),
                failed=failed.get(code, 0),
            )
            for place, code in enumerate(codes)
        ],
    )


def _from_to(start: float, end: float) -> str:
    return f"from {written(start)} to {written(end)} UTC"


def _slice_words(one: Durations, span: float) -> str:
    many = f"{one.slices} slice{'' if one.slices == 1 else 's'}"
    return f"{clock(one.start, span)}: {many}, median {short(one.median)} s, 95 % {short(one.p95)} s"


def _failure_words(attempts: int, failed: int) -> str:
    return f"{failed:,} failed now, {attempts:,} attempt{'' if attempts == 1 else 's'}"
