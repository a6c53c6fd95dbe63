"""Divides a job's time into even stretches, and says of each how fast the job was: arithmetic, without queries."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from embeddings.models.history import quantile

MOST = 120
"""Stretches that a chart has room for."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
WIDTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(HOUR * count for count in (1, 2, 3, 6, 12)),
)
"""Seconds that people count in; longer ones are whole days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one worker settled between two moments."""

    start: float
    """Seconds since 1970, as all moments here."""
    end: float
    operations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Operations per minute of all workers together, in one stretch of time."""

    start: float
    end: float
    per_minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long the slices took that ended in one stretch of time, in seconds."""

    start: float
    end: float
    slices: int
    median: float
    p95: float


def paces(slices: Sequence[Slice], most: int = MOST) -> list[Pace]:
    """Say how fast a job was over time, nothing while nobody worked; at most `most` stretches without gaps.

    What a slice settled is spread evenly over the time that it took, so that nothing is counted twice
    or left out, however the stretches lie.
    """
    if not slices:
        return []
    edges = list(_edges(slices, most))
    settled = [0.0] * (len(edges) - 1)
    for piece in slices:
        if piece.end <= piece.start:
            settled[min(max(bisect_left(edges, piece.end) - 1, 0), len(settled) - 1)] += piece.operations
            continue
        place = max(0, bisect_left(edges, piece.start) - 1)
        while place < len(settled) and edges[place] < piece.end:
            shared = min(piece.end, edges[place + 1]) - max(piece.start, edges[place])
            settled[place] += piece.operations * max(0.0, shared) / (piece.end - piece.start)
            place += 1
    stretches = zip(edges, edges[1:], settled, strict=False)
    return [Pace(start=start, end=end, per_minute=60 * count / (end - start)) for start, end, count in stretches]


def durations(slices: Sequence[Slice], most: int = MOST) -> list[Durations]:
    """Say how long slices took over time; stretches in which none ended are left out."""
    if not slices:
        return []
    # Several slices each, or median and extreme would be one line.
    edges = list(_edges(slices, max(1, min(most, len(slices) // 4))))
    found: list[list[float]] = [[] for _ in edges[1:]]
    for piece in slices:
        found[min(max(bisect_left(edges, piece.end) - 1, 0), len(found) - 1)].append(piece.end - piece.start)
    return [
        Durations(start=start, end=end, slices=len(took), median=quantile(took, 0.5), p95=quantile(took, 0.95))
        for start, end, took in zip(edges, edges[1:], found, strict=False)
        if took
    ]


def round_width(seconds: float, most: int) -> int:
    """Give the shortest stretch in which people count, of which `most` cover so many seconds."""
    for width in WIDTHS:
        if width * most >= seconds:
            return width
    return DAY * math.ceil(seconds / most / DAY)


def round_moments(start: float, end: float, width: int) -> Iterator[int]:
    """Give the moments between two that are whole multiples of a width."""
    yield from range(math.ceil(start / width) * width, math.floor(end) + 1, width)


def _edges(slices: Sequence[Slice], most: int) -> Iterator[float]:
    """Where stretches begin and end: at round moments, except for the first and the last."""
    start = min(piece.start for piece in slices)
    # A slice of no length at all has a place as well.
    end = max(*(piece.end for piece in slices), start + 0.001)
    # One less: round moments may cut off a piece at both ends.
    width = round_width(end - start, max(1, most - 1))
    yield start
    yield from (moment for moment in round_moments(start, end, width) if start < moment < end)
    yield end
