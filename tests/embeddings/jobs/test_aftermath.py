"""What acts on finished jobs is called once, outside of transactions, and breaks nothing."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from embeddings.jobs import control
from embeddings.jobs.resident import resident
from embeddings.jobs.settling import settle
from embeddings.models import BatchJob, JobState, Track
from embeddings.store.base import VectorStore

pytestmark = pytest.mark.django_db(transaction=True)
CALLED: list[tuple[int, str, bool]] = []
"""Job, its state, and whether a transaction was open, of each call."""


def write_down(job: BatchJob, store: VectorStore, should_stop: Callable[[], bool]) -> None:
    CALLED.append((job.pk, job.state, connection.in_atomic_block))
    assert store.health().collections
    assert not should_stop()


def break_down(job: BatchJob, store: VectorStore, should_stop: Callable[[], bool]) -> None:
    raise ZeroDivisionError(f"on job {job.pk}")


@pytest.fixture(autouse=True)
def called(settings: Any) -> Iterator[list[tuple[int, str, bool]]]:
    """What was called; one that breaks comes first, and one that is not there."""
    names = ("test_aftermath:break_down", "test_aftermath:nothing", "nowhere:nothing", "test_aftermath:write_down")
    settings.AFTER_JOB = [f"{__package__}.{name}" for name in names]
    CALLED.clear()
    yield CALLED
    CALLED.clear()


def test_a_finished_job_is_told_of_once(
    catalogue: list[Track], work: Callable[[], None], called: list[tuple[int, str, bool]]
) -> None:
    job = control.start_job()
    work()
    assert called == [(job.pk, JobState.COMPLETED, False)]
    assert settle(job.pk, resident())
    assert len(called) == 1


def test_what_breaks_is_loud_and_breaks_no_job(
    catalogue: list[Track], work: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    job = control.start_job()
    with caplog.at_level(logging.ERROR, logger="embeddings"):
        work()
    job.refresh_from_db()
    assert (job.state, job.message) == (JobState.COMPLETED, "")
    broken = [record for record in caplog.records if "aftermath broke" in record.getMessage()]
    assert [record.exc_info[0].__name__ for record in broken if record.exc_info and record.exc_info[0]] == [
        "ZeroDivisionError",
        "AttributeError",
        "ModuleNotFoundError",
    ]


def test_a_cancelled_job_is_told_of_as_well(
    catalogue: list[Track], work: Callable[[], None], called: list[tuple[int, str, bool]]
) -> None:
    job = control.start_job()
    work()
    called.clear()
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.CANCELLING)
    assert settle(job.pk, resident())
    assert called == [(job.pk, JobState.CANCELLED, False)]
