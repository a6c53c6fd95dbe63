"""What one request may be asked with again: the parts of it that say how, never what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embeddings.errors import Refused
from recommendations.domain import Merge, Request, Variety

RANGES: Mapping[str, tuple[float, float]] = {
    "half_life_days": (0.0, 36_500.0),
    "sharpness": (0.0, 1000.0),
    "familiarity": (-1.0, 1.0),
    "exploration": (0.0, 1.0),
    "diversity": (0.0, 1.0),
    "least_diversity": (0.0, 1.0),
}
"""Least and greatest value of each parameter of a mode that may be tuned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Changes of a request; what is None, or empty, stays as the request has it."""

    mode: str | None = None
    limit: int | None = None
    models: Sequence[str] | None = None
    """None for the request's own; empty for all that have vectors."""
    merge: Merge | None = None
    variety: Variety | None = None
    penalty: float | None = None
    """Of what the request does not want to sound like."""
    dislike_strength: float | None = None
    tuning: Mapping[str, float] | None = None
    """Parameters of the mode; those that are named join the request's own, or take their place."""

    def applied(self, request: Request) -> Request:
        """The same question, asked in this way."""
        plain: dict[str, Any] = {
            name: value
            for name in ("mode", "limit", "models", "merge", "variety")
            if (value := getattr(self, name)) is not None
        }
        if self.penalty is not None:
            plain["negatives"] = replace(request.negatives, penalty=self.penalty)
        if self.dislike_strength is not None:
            plain["dislikes"] = replace(request.dislikes, strength=self.dislike_strength)
        if self.tuning:
            plain["tuning"] = {**request.tuning, **self.tuning}
        return replace(request, **plain)


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
