"""What every check of a generation gives, and what each is told while it works."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from embeddings.errors import EmbedderError
from embeddings.models import Track

NAMED = 3
"""Tracks that a sentence names; the rest is a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool | None
    """None where it only informs, or could not be looked at."""
    sentence: str
    value: float | None = None
    bar: float | None = None
    """What `value` is compared with; None where it only informs."""


class Interrupted(EmbedderError):
    """The worker has to end, or another one took the examination over: there will be no verdict from here."""


class Beat(Protocol):
    """Called often while checks work."""

    def __call__(self, sentence: str, *, slow: bool = False) -> None:
        """Say how far it is, and keep the examination; longer before a step that is slow.

        Raises:
            Interrupted: nobody waits for the verdict any more.

        """
        ...


def named(ids: Sequence[str]) -> str:
    """Name the first tracks of some, and count the rest; an id stands for what the catalogue does not know."""
    shown = list(ids[:NAMED])
    names = {str(track.pk): track.name for track in Track.objects.filter(pk__in=shown)}
    rest = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(names.get(found, found) for found in shown) + rest


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 vector`, `1,200 vectors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
