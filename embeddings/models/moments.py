"""When a lease or a wait is over, and for how long work went on, by a clock that somebody may set."""

from datetime import datetime, timedelta

from django.db.models import Case, DateTimeField, DurationField, ExpressionWrapper, F, Q, Value, When

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


def stop_clock(now: datetime) -> dict[str, object]:
    """Add the time since the clock was started, if it runs, to what was worked before."""
    since = ExpressionWrapper(Value(now, DateTimeField()) - F("resumed_at"), DurationField())
    # Nothing where it stood, or where somebody set the machine's clock back meanwhile.
    gone = Case(When(resumed_at__lte=now, then=since), default=timedelta(), output_field=DurationField())
    return {"worked": F("worked") + gone, "resumed_at": None}
