"""When a lease or a wait is over, by a clock that somebody may set."""

from datetime import datetime, timedelta

from django.db.models import Q

FARTHEST = timedelta(hours=1)
"""Nothing is ever put off, or held, for so long: what claims to be was written by a clock that ran ahead."""


def has_passed(field: str, now: datetime) -> Q:
    """Condition: the moment has come, or lies farther ahead than any is set.

    A machine without a clock of its own wakes up in the wrong year. What it wrote until its clock
    was right must not hold anything for years.
    """
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": now + FARTHEST})


def may_begin(field: str, now: datetime) -> Q:
    """Condition: nothing was put off, or its time has come."""
    return Q(**{f"{field}__isnull": True}) | has_passed(field, now)
