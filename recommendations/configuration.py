"""What one request may be asked with again: the parts of it that say how, never what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recommendations.domain import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Changes of a request; what is None, or empty, stays as the request has it."""

    mode: str | None = None
    limit: int | None = None
    models: Sequence[str] | None = None
    """None for the request's own; empty for all that have vectors."""
    merge: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Merge` by name; those that are named take the place of the request's own, and so below."""
    variety: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Variety`; None is a value as any."""
    penalty: float | None = None
    """Of what the request does not want to sound like."""
    dislike_strength: float | None = None
    tuning: Mapping[str, float] | None = None
    """Parameters of the mode."""

    def applied(self, request: Request) -> Request:
        """The same question, asked in this way."""
        plain: dict[str, Any] = {
            name: value for name in ("mode", "limit", "models") if (value := getattr(self, name)) is not None
        }
        plain["merge"] = replace(request.merge, **self.merge)
        plain["variety"] = replace(request.variety, **self.variety)
        if self.penalty is not None:
            plain["negatives"] = replace(request.negatives, penalty=self.penalty)
        if self.dislike_strength is not None:
            plain["dislikes"] = replace(request.dislikes, strength=self.dislike_strength)
        if self.tuning:
            plain["tuning"] = {**request.tuning, **self.tuning}
        return replace(request, **plain)
