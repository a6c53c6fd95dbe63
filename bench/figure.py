"""One measured number beside its bar, as every benchmark prints it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number and the least, or the most, that it has to be."""

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the bar holds; information has none."""
        if self.bar is None:
            return True
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def line(self) -> str:
        """`figure: value unit | bar: ... | ok`, or `short`."""
        measured = f"{self.name}: {self.value:,.3f} {self.unit}".rstrip()
        bar = "none" if self.bar is None else f"{'at most' if self.at_most else 'at least'} {self.bar:g}"
        return f"{measured} | bar: {bar} | {'ok' if self.met else 'short'}"


def show(figures: Iterable[Figure]) -> int:
    """Print the figures as they come; the exit status, 1 when a bar is missed."""
    all_met = True
    for figure in figures:
        print(figure.line(), flush=True)
        all_met = all_met and figure.met
    return 0 if all_met else 1
