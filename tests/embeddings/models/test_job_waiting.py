"""Transitions of jobs that wait for what is away."""

from datetime import UTC, datetime, timedelta

import pytest

from embeddings.domain import JobOptions
from embeddings.models import ACTIVE, BatchJob, JobState
from embeddings.models.job import WAITING

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
SOON, PAST = NOW + timedelta(minutes=40), NOW - timedelta(seconds=1)


def waiting(retry_at: datetime) -> BatchJob:
    job = BatchJob.objects.create(state=JobState.RUNNING, resumed_at=datetime.now(UTC) - timedelta(seconds=30))
    assert BatchJob.objects.mark_waiting(job.pk, "The store is away.", retry_at)
    job.refresh_from_db()
    return job


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def test_a_job_that_waits_says_why_and_until_when_and_its_clock_stands() -> None:
    job = waiting(SOON)
    assert (job.state, job.message, job.retry_at, job.outages) == ("waiting", "The store is away.", SOON, 1)
    assert job.resumed_at is None
    assert timedelta(seconds=30) <= job.worked < timedelta(seconds=90)


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.RUNNING])
def test_only_what_runs_begins_to_wait(state: str) -> None:
    job = BatchJob.objects.create(state=state)
    assert not BatchJob.objects.mark_waiting(job.pk, "The store is away.", SOON)


def test_it_runs_again_when_it_is_time_and_not_before() -> None:
    job = waiting(SOON)
    assert not BatchJob.objects.mark_due(job.pk)
    BatchJob.objects.update(retry_at=PAST)
    assert BatchJob.objects.mark_due(job.pk)
    assert (now(job).state, job.retry_at, job.message, job.outages) == ("running", None, "The store is away.", 1)


def test_a_wait_that_a_wrong_clock_wrote_is_over() -> None:
    assert BatchJob.objects.mark_due(waiting(NOW + timedelta(days=900)).pk)


def test_a_person_need_not_wait() -> None:
    job = waiting(SOON)
    assert BatchJob.objects.mark_resumed(job.pk)
    assert (now(job).state, job.retry_at) == ("running", None)


def test_a_job_that_waits_can_be_paused_and_is_not_due_then() -> None:
    job = waiting(PAST)
    assert BatchJob.objects.mark_paused(job.pk)
    assert not BatchJob.objects.mark_due(job.pk)
    assert (now(job).state, job.retry_at) == ("paused", None)


def test_a_job_that_waits_can_be_cancelled() -> None:
    job = waiting(PAST)
    assert BatchJob.objects.mark_cancelling(job.pk)
    assert not BatchJob.objects.mark_due(job.pk)
    assert BatchJob.objects.mark_cancelled(job.pk)
    assert (now(job).state, job.retry_at, job.outages) == ("cancelled", None, 0)


def test_something_embedded_ends_the_count_of_outages() -> None:
    job = waiting(PAST)
    BatchJob.objects.mark_due(job.pk)
    BatchJob.objects.mark_recovered(job.pk)
    assert (now(job).outages, job.message) == (0, "")


def test_what_nobody_waited_for_is_said_for_longer() -> None:
    job = BatchJob.objects.create(state=JobState.RUNNING, message="acoustic: version 1 -> 2.")
    BatchJob.objects.mark_recovered(job.pk)
    assert now(job).message == "acoustic: version 1 -> 2."
    BatchJob.objects.note(job.pk, f"{WAITING}worker 1 on attic is unfit.")
    BatchJob.objects.mark_recovered(job.pk)
    assert now(job).message == ""


@pytest.mark.parametrize("state", [state for state in ACTIVE if state != JobState.RUNNING])
def test_a_job_that_does_not_run_keeps_its_reason(state: str) -> None:
    job = BatchJob.objects.create(state=state, message="The store is away.", outages=2)
    BatchJob.objects.mark_recovered(job.pk)
    assert (now(job).outages, job.message) == (2, "The store is away.")


def test_planning_that_is_put_off_is_not_to_be_planned_before_its_time() -> None:
    job = BatchJob.objects.create()
    assert BatchJob.objects.put_off_planning(job.pk, "The store is away.", SOON)
    assert not BatchJob.objects.to_be_planned(job.pk)
    BatchJob.objects.update(retry_at=PAST)
    assert BatchJob.objects.to_be_planned(job.pk)
    assert BatchJob.objects.claim_planning(job.pk, 60.0)
    assert not BatchJob.objects.to_be_planned(job.pk)
    assert now(job).retry_at is None


def test_a_planner_of_a_wrong_clock_is_not_waited_for() -> None:
    job = BatchJob.objects.create(planning_lease=NOW + timedelta(days=900), planner="x")
    assert BatchJob.objects.to_be_planned(job.pk)
    assert BatchJob.objects.claim_planning(job.pk, 60.0)


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    job = BatchJob.objects.create(
        state=JobState.RUNNING, worked=timedelta(minutes=5), resumed_at=NOW + timedelta(hours=2)
    )
    assert job.elapsed(NOW) == timedelta(minutes=5)
    BatchJob.objects.mark_paused(job.pk)
    assert now(job).worked == timedelta(minutes=5)


def test_options_that_an_older_version_wrote_are_completed() -> None:
    assert BatchJob(options={}).chosen == JobOptions()
    assert BatchJob(options={"batch_size": 7, "colour": "blue"}).chosen == JobOptions(batch_size=7)
