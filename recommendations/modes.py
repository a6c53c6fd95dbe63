"""What each mode means: one row of parameters each, and nothing else anywhere asks for a mode by name."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from embeddings.errors import Refused

Habit = Literal["played", "loved"]
"""What a listener has played lately; what is starred or rated high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Parameters of one way to listen."""

    key: str
    title: str
    habits: tuple[Habit, ...] = ()
    """What of the listener's own stands in for seeds, where a request names nothing else: see `asking.habits`."""
    half_life_days: float = 0.0
    """After so many days a seed that was played weighs half; 0 for never."""
    sharpness: float = 0.5
    """Pooling of many seeds, see `pooling`; small values find more of the right style for several seeds of one, larger
    ones keep both of two styles in the list (`make bench NAME=quality`)."""
    familiarity: float = 0.0
    """-1..1: below 0, what the listener knows moves down; above 0, what he does not know does."""
    exploration: float = 0.0
    """0..1: how far from the nearest the answer may reach; see `scoring`."""
    diversity: float = 0.0
    """Where the request says nothing."""
    least_diversity: float = 0.0
    """Whatever the request says."""


MODES: Mapping[str, Mode] = {
    mode.key: mode
    for mode in (
        Mode(
            key="recent", title="More of what was played lately", habits=("played",), half_life_days=14.0, sharpness=0.5
        ),
        Mode(key="favorites", title="More of what is loved", habits=("loved",), familiarity=0.25),
        Mode(
            key="all",
            title="A mix of everything that was liked",
            habits=("played", "loved"),
            half_life_days=90.0,
            diversity=0.15,
        ),
        Mode(
            key="discovery",
            title="What was not heard yet, near what is liked",
            habits=("played", "loved"),
            sharpness=0.25,
            familiarity=-0.6,
            exploration=0.5,
            least_diversity=0.3,
        ),
        Mode(key="custom", title="Like these tracks", sharpness=0.25),
        Mode(key="text", title="As a text says", sharpness=0.5),
        Mode(key="playlists", title="More for these playlists", sharpness=0.5, diversity=0.1),
    )
}

TUNABLE = tuple(field.name for field in fields(Mode) if field.name not in ("key", "title", "habits"))
RANGES: Mapping[str, tuple[float, float]] = {
    "half_life_days": (0.0, 36_500.0),
    "sharpness": (0.0, 1000.0),
    "familiarity": (-1.0, 1.0),
    "exploration": (0.0, 1.0),
    "diversity": (0.0, 1.0),
    "least_diversity": (0.0, 1.0),
}
"""Least and greatest value of each of them in a request."""


def get_mode(key: str, tuning: Mapping[str, float]) -> Mode:
    """Look a mode up, with what one request changes of it.

    Raises:
        Refused: there is no such mode (`unknown_mode`), no such parameter, or its value is out of its range
            (`bad_tuning`).

    """
    mode = MODES.get(key.strip().lower())
    if mode is None:
        raise Refused(f"There is no mode {key!r}; there are {', '.join(MODES)}.", code="unknown_mode")
    changes: dict[str, Any] = dict(tuned(tuning))
    return replace(mode, **changes)


def tuned(given: Mapping[str, float]) -> Mapping[str, float]:
    """Check parameters of a mode that somebody wrote down.

    Raises:
        Refused: there is no such parameter, or its value is out of its range (`bad_tuning`).

    """
    for name, value in given.items():
        if name not in RANGES:
            raise Refused(f"A mode has no {name!r}; it has {', '.join(RANGES)}.", code="bad_tuning")
        least, most = RANGES[name]
        if not least <= value <= most:
            raise Refused(f"{name} has to be between {least:g} and {most:g}, not {value:g}.", code="bad_tuning")
    return given
