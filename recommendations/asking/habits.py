"""What a listener plays and loves, as seeds: for a request that names a listener and a mode, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from embeddings.library.navidrome_listening import Mark
from recommendations.asking.hearing import LOW, Heard, Hearing, hear
from recommendations.domain import Request, Seed
from recommendations.modes import Habit, Mode

MOST = 50
"""Seeds of one habit."""
LOVED_STARS = 4
PLAYED_DAYS = 60.0
"""What was played longer ago is not played lately."""


def with_habits(request: Request, mode: Mode, now: datetime) -> Request:
    """Sow a request that asks for nothing but a mode with what its listener plays or loves, as Navidrome noted it.

    What was rated low is no seed. Any other request, or one for whom nothing is known, stays as it is.
    """
    if request.seeds or request.prompts or not request.user or not mode.habits:
        return request
    heard = hear(request.user, now=now).heard
    if heard is None:
        return request
    return replace(request, seeds=[seed for habit in mode.habits for seed in _seeds(heard, habit, now)])


def said_of_listener(user: str, mode: Mode, hearing: Hearing) -> Iterator[str]:
    """What was said when the listener was heard, and where a mode goes by what he knows and there is nothing to."""
    yield from hearing.warnings
    if mode.familiarity and not hearing.warnings:
        said = f"{mode.key} goes by what its listener knows, and"
        if hearing.heard is None:
            yield f"{said} no user was named: nothing counts as known."
        elif not (hearing.heard.tracks or hearing.heard.artists):
            yield f"{said} Navidrome has noted nothing that {user} heard."


def _seeds(heard: Heard, habit: Habit, now: datetime) -> Iterator[Seed]:
    liked = [mark for mark in heard.tracks.values() if mark.rating not in LOW]
    chosen = _played(liked, now) if habit == "played" else _loved(liked)
    source = "recent" if habit == "played" else "favorites"
    for mark in chosen:
        yield Seed(key=mark.id, weight=_weight(mark, habit), source=source, played_at=_moment(mark))


def _played(marks: list[Mark], now: datetime) -> list[Mark]:
    latest = sorted(marks, key=lambda mark: (-_days_ago(mark, now), mark.plays, mark.id), reverse=True)
    return [mark for mark in latest if mark.plays > 0 and _days_ago(mark, now) <= PLAYED_DAYS][:MOST]


def _loved(marks: list[Mark]) -> list[Mark]:
    """What is starred or rated high, else what was played most."""
    loved = [mark for mark in marks if mark.starred or mark.rating >= LOVED_STARS] or [
        mark for mark in marks if mark.plays > 0
    ]
    return sorted(loved, key=lambda mark: (mark.starred, mark.rating, mark.plays, mark.id), reverse=True)[:MOST]


def _weight(mark: Mark, habit: Habit) -> float:
    return 1.0 if habit == "played" or not mark.rating else mark.rating / 5


def _moment(mark: Mark) -> datetime | None:
    return mark.played_at if mark.played_at is None or mark.played_at.tzinfo else mark.played_at.replace(tzinfo=UTC)


def _days_ago(mark: Mark, now: datetime) -> float:
    played_at = _moment(mark)
    return float("inf") if played_at is None else (now - played_at).total_seconds() / 86_400.0
