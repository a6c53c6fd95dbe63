"""The doctor says when the library is looked at next, whether anybody does, and whether Navidrome answers."""

from collections.abc import Iterator
from typing import Any

import django_rq
import pytest

from embedder_site.doctor_keeping import check_keeping, check_navidrome, check_schedule
from embedder_site.finding import Finding
from embeddings.jobs.schedule import Schedule
from embeddings.models import Watch
from tests.embeddings.library.subsonic_server import PASSWORD, USER, SubsonicServer, serving


@pytest.fixture
def navidrome(settings: Any) -> Iterator[SubsonicServer]:
    """One that has scanned, and is to be asked."""
    with serving() as server:
        settings.NAVIDROME_URL, settings.NAVIDROME_USER, settings.NAVIDROME_PASSWORD = server.url, USER, PASSWORD
        server.finish_scan(at="2026-11-20T10:00:00Z", count=8)
        yield server


@pytest.fixture
def reached(queue: None, redis_url: str, settings: Any) -> None:
    """The doctor can ask the queue."""
    settings.REDIS_URL = redis_url


def schedule(*, tables: bool = False, queue: bool = False) -> Finding:
    return check_schedule(tables=tables, queue=queue)


def test_the_next_moment_is_said_in_utc(settings: Any) -> None:
    settings.SYNC_SCHEDULE = "30 4 * * *"
    assert schedule().used == "30 4 * * * UTC (default)"
    assert " 04:30 UTC" in schedule().answer


def test_no_schedule_is_well(settings: Any) -> None:
    settings.SYNC_SCHEDULE = ""
    assert (schedule().state, schedule().answer) == ("ok", "nothing to do")


def test_a_wrong_schedule_is_said(settings: Any) -> None:
    settings.SYNC_SCHEDULE = "daily"
    assert (schedule().state, schedule().used) == ("missing", "SYNC_SCHEDULE=daily")


def test_a_schedule_that_nobody_keeps_to_is_said(reached: None) -> None:
    found = schedule(queue=True)
    assert (found.state, found.answer.endswith("; nobody does")) == ("warning", True)


def test_a_schedule_that_is_kept_to_is_well(reached: None) -> None:
    Schedule(django_rq.get_connection("control")).register_birth()
    assert schedule(queue=True).state == "ok"


@pytest.mark.django_db
def test_why_the_last_step_came_to_nothing_is_said() -> None:
    Watch.objects.note(trouble="The music folder is not there.")
    assert (schedule(tables=True).state, schedule(tables=True).advice) == ("warning", "The music folder is not there.")


def test_a_navidrome_that_answers_is_well(navidrome: SubsonicServer) -> None:
    assert check_navidrome().state == "ok"
    assert check_navidrome().answer == "answers, newest scan: 2026-11-20T10:00:00Z 8"


def test_a_navidrome_that_does_not_is_no_reason_to_stop(navidrome: SubsonicServer) -> None:
    navidrome.code = 503
    assert (check_navidrome().state, check_navidrome().fine) == ("warning", True)
    assert "HTTP status 503" in check_navidrome().answer


def test_the_password_is_not_shown(navidrome: SubsonicServer) -> None:
    navidrome.takes_tokens = False
    assert PASSWORD not in str(check_navidrome())


def test_a_navidrome_that_is_not_configured_is_not_missed() -> None:
    assert [found.subject for found in check_keeping(tables=False, queue=False)] == ["schedule"]
