"""Moments of a schedule, in UTC, and what is no schedule."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from embeddings.jobs.moments import next_moment, problem_of


def test_the_next_moment_is_told_in_utc_wherever_we_are() -> None:
    here = timezone(timedelta(hours=5))
    since = datetime(2026, 11, 20, 8, 30, tzinfo=here)
    assert next_moment("0 4 * * *", since) == datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def test_a_moment_is_not_its_own_next_one() -> None:
    at_four = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    assert next_moment("0 4 * * *", at_four) == at_four + timedelta(days=1)


@pytest.mark.parametrize("schedule", ["0 4 * * *", "*/15 * * * *", "30 2 * * 1-5", "0 0 1 jan *"])
def test_a_schedule_is_one(schedule: str) -> None:
    assert problem_of(schedule) == ""


@pytest.mark.parametrize(
    "schedule", ["daily", "@daily", "0 4 * *", "0 4 * * * *", "99 4 * * *", "a b c d e", "0 0 31 2 *"]
)
def test_what_is_no_schedule_is_said(schedule: str) -> None:
    assert problem_of(schedule).startswith(("has ", "is no cron expression: "))
