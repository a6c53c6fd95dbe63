"""When the moments of a schedule are: cron expressions of five fields, in UTC."""

from datetime import UTC, datetime

from croniter import CroniterError, croniter


def next_moment(schedule: str, since: datetime) -> datetime:
    """The first moment of the schedule after another moment."""
    found: datetime = croniter(schedule, since.astimezone(UTC)).get_next(datetime)
    return found


def problem_of(schedule: str) -> str:
    """What is wrong with a schedule, in words; "" when nothing is."""
    if len(schedule.split()) != 5:
        return f"has {len(schedule.split())} fields instead of five: minute, hour, day, month, weekday"
    try:
        next_moment(schedule, datetime.now(UTC))
    except (CroniterError, ValueError, KeyError) as error:
        return f"is no cron expression: {error}"
    return ""
