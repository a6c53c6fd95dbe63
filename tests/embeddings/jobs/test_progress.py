"""What a person is told about a job: time worked, pace, and what was left out."""

from datetime import UTC, datetime, timedelta

import pytest

from embeddings.jobs.progress import progress_of
from embeddings.models import BatchJob, JobState, ResultState, TrackResult
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def test_time_between_a_job_and_its_retry_is_not_work() -> None:
    job = running_job(1)
    BatchJob.objects.update(resumed_at=NOW - timedelta(days=3, minutes=10))
    BatchJob.objects.mark_completed(job.pk, with_errors=True)
    BatchJob.objects.update(worked=timedelta(minutes=10))
    BatchJob.objects.mark_planning_again(job.pk, complete=True)
    BatchJob.objects.mark_running(job.pk, BatchJob.objects.claim_planning(job.pk, 60), skipped=0)
    job.refresh_from_db()
    assert 600 <= progress_of(job).elapsed_seconds < 660


def test_the_clock_stands_while_a_job_is_paused() -> None:
    job = running_job(1)
    BatchJob.objects.update(resumed_at=datetime.now(UTC) - timedelta(seconds=90))
    BatchJob.objects.mark_paused(job.pk)
    job.refresh_from_db()
    assert job.resumed_at is None
    assert timedelta(seconds=90) <= job.worked < timedelta(seconds=100)


def test_pace_is_counted_from_when_the_recent_work_began() -> None:
    job = running_job(10)
    began = datetime.now(UTC) - timedelta(seconds=20)
    BatchJob.objects.update(started_at=began - timedelta(days=1), resumed_at=began)
    TrackResult.objects.update(state=ResultState.DONE, started_at=began, finished_at=datetime.now(UTC))
    job.refresh_from_db()
    rate = progress_of(job).rate
    assert rate == pytest.approx(0.5, rel=0.1)


def test_before_the_first_operation_there_is_no_pace() -> None:
    counted = progress_of(running_job(3))
    assert (counted.rate, counted.eta_seconds, counted.percent) == (None, None, 0.0)


def test_a_finished_job_without_work_is_complete() -> None:
    assert progress_of(BatchJob.objects.create(state=JobState.COMPLETED)).percent == 100.0
