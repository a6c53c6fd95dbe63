"""Where moments and values lie in a drawing, and how they are labelled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from embeddings.admin.timeline import DAY, HOUR, MINUTE, round_moments, round_width

LEFT, RIGHT, TOP, BOTTOM = 46, 474, 10, 172
"""Where the plot lies in a drawing of 480 by 200; labels have the rest."""
LABELS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A label on an axis, and where it stands."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A piece of the time axis, with what is told of it to who points at it."""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where moments and values lie in the plot."""

    start: float
    end: float
    top: float
    step: float

    @classmethod
    def over(cls, start: float, end: float, largest: float) -> "Scale":
        """Choose an axis of values that ends at a round number."""
        step = round_step(largest / 4)
        return cls(start=start, end=end, top=step * max(1, math.ceil(largest / step)), step=step)

    @property
    def span(self) -> float:
        """Seconds from end to end."""
        return self.end - self.start

    def x(self, moment: float) -> float:
        """Give the place of a moment."""
        return round(LEFT + (RIGHT - LEFT) * (moment - self.start) / self.span, 1)

    def y(self, value: float) -> float:
        """Give the height of a value."""
        return round(BOTTOM - (BOTTOM - TOP) * value / self.top, 1)

    def steps(self, steps: Sequence[tuple[float, float, float]]) -> str:
        """Draw one level for each stretch, joined where they touch."""
        drawn, before = "", math.nan
        for start, end, value in steps:
            joined = "L" if start == before else "M"
            drawn += f"{joined}{self.x(start)} {self.y(value)}H{self.x(end)}"
            before = end
        return drawn

    def area(self, steps: Sequence[tuple[float, float, float]]) -> str:
        """Close the line with the axis."""
        return f"{self.steps(steps)}V{BOTTOM}H{LEFT}Z"

    def stretch(self, start: float, end: float, words: str) -> Stretch:
        """Give the place of a piece of time."""
        return Stretch(x=self.x(start), width=round(self.x(end) - self.x(start), 1), words=words)

    def times(self) -> list[Tick]:
        """Label round moments."""
        width = round_width(self.span, LABELS)
        moments = round_moments(self.start, self.end, width)
        return [Tick(at=self.x(moment), label=label_of(moment, width)) for moment in moments]

    def values(self) -> list[Tick]:
        """Label round values."""
        levels = [self.step * number for number in range(round(self.top / self.step) + 1)]
        return [Tick(at=self.y(level), label=short(level)) for level in levels]


def round_step(value: float) -> float:
    """Give 1, 2 or 5 times a power of ten, not below the value."""
    power: float = 10.0 ** math.floor(math.log10(value)) if value > 0 else 0.25
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value * (1 - 1e-9))


def short(value: float) -> str:
    """Write a number with the digits that a chart has room for."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def label_of(moment: float, width: float) -> str:
    """Write a moment on an axis whose labels are so many seconds apart."""
    at = datetime.fromtimestamp(moment, UTC)
    if width >= DAY or (width > HOUR and at.hour == 0):
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M:%S}" if width < MINUTE else f"{at:%H:%M}"


def clock(moment: float, span: float) -> str:
    """Write a moment of a chart that spans so many seconds."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%b %H:%M}" if span > DAY else f"{at:%H:%M:%S}"


def written(moment: float) -> str:
    """Write a moment in full."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"
