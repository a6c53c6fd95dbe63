"""What is said after the jobs of a run: which one did the work, which one somebody cancelled, which one goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from embedder_site.management.commands.showcase import _pace
from embedder_site.supervisor.run import _say_what_goes_on, _was_cancelled
from embeddings.models import BatchJob, ResultState, TrackResult
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db
# Connections are closed between the programs of a run, and with them a test's transaction.
closing = pytest.mark.django_db(transaction=True)
NOTHING = "Nothing was missing: everything had been embedded before."


@pytest.fixture
def since() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def worked_job(since: datetime) -> BatchJob:
    """A job of three tracks that was just completed."""
    job = running_job(3)
    TrackResult.objects.update(state=ResultState.DONE)
    BatchJob.objects.mark_completed(job.pk, with_errors=False)
    return job


@pytest.fixture
def empty_job(worked_job: BatchJob) -> BatchJob:
    """A job that found nothing to do after it."""
    job = BatchJob.objects.create(model_keys=["acoustic"])
    BatchJob.objects.mark_running(job.pk, BatchJob.objects.claim_planning(job.pk, 60), skipped=3)
    BatchJob.objects.mark_completed(job.pk, with_errors=False)
    return job


def test_the_pace_is_that_of_the_job_that_did_the_work(since: datetime, empty_job: BatchJob) -> None:
    assert _pace(since).startswith("3 tracks embedded in ")


def test_work_of_an_earlier_run_is_not_this_one_s(empty_job: BatchJob) -> None:
    assert _pace(datetime.now(UTC)) == NOTHING
    assert _pace(None) == NOTHING


def test_a_job_of_which_all_failed_found_something_missing(since: datetime) -> None:
    job = running_job(2)
    TrackResult.objects.update(state=ResultState.FAILED)
    BatchJob.objects.mark_completed(job.pk, with_errors=True)
    assert _pace(since) == "0 tracks embedded in 0 s; 2 failed."


@closing
def test_a_cancelled_job_is_no_failure(since: datetime) -> None:
    job, said = running_job(3), list[str]()
    TrackResult.objects.exclude(track__path="0000.mp3").update(state=ResultState.DONE)
    BatchJob.objects.mark_cancelling(job.pk)
    BatchJob.objects.mark_cancelled(job.pk)
    assert _was_cancelled(since, said.append)
    assert said == [f"Job {job.pk} was cancelled; 2 tracks are embedded."]
    assert not _was_cancelled(since + timedelta(hours=1), said.append)


@closing
def test_a_failed_job_was_not_cancelled(since: datetime) -> None:
    BatchJob.objects.mark_failed(running_job(1).pk, "no disk")
    assert not _was_cancelled(since, pytest.fail)


@closing
def test_a_job_in_the_middle_goes_on_later_and_a_paused_one_does_not() -> None:
    job, said = running_job(1), list[str]()
    _say_what_goes_on(said.append)
    BatchJob.objects.mark_paused(job.pk)
    _say_what_goes_on(said.append)
    assert said == [f"Job {job.pk} goes on at the next start."]
