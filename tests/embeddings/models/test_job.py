"""Transitions of jobs."""

import pytest
from django.db import IntegrityError, transaction

from embeddings.errors import JobAlreadyActive
from embeddings.models import ACTIVE, FINISHED, BatchJob, JobState

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ACTIVE)
def test_the_database_allows_one_active_job(state: str) -> None:
    BatchJob.objects.create(state=state)
    with pytest.raises(IntegrityError), transaction.atomic():
        BatchJob.objects.create(state=JobState.PLANNING)


def test_any_number_of_jobs_may_be_finished() -> None:
    for state in FINISHED * 2:
        BatchJob.objects.create(state=state)
    assert BatchJob.objects.count() == 8


def test_cancel_wins_over_completion() -> None:
    job = BatchJob.objects.create(state=JobState.RUNNING)
    assert BatchJob.objects.mark_cancelling(job.pk)
    assert not BatchJob.objects.mark_completed(job.pk, with_errors=False)
    assert BatchJob.objects.mark_cancelled(job.pk)


def test_a_finished_job_cannot_be_cancelled() -> None:
    job = BatchJob.objects.create(state=JobState.COMPLETED)
    assert not BatchJob.objects.mark_cancelling(job.pk)


def test_planning_belongs_to_one_planner() -> None:
    job = BatchJob.objects.create()
    assert BatchJob.objects.claim_planning(job.pk, 60)
    assert not BatchJob.objects.claim_planning(job.pk, 60)


def test_a_dead_planners_lease_runs_out() -> None:
    job = BatchJob.objects.create()
    BatchJob.objects.claim_planning(job.pk, -1)
    assert BatchJob.objects.claim_planning(job.pk, 60)


def test_a_planner_that_was_taken_for_dead_changes_nothing() -> None:
    job = BatchJob.objects.create()
    lost = BatchJob.objects.claim_planning(job.pk, -1)
    planner = BatchJob.objects.claim_planning(job.pk, 60)
    assert not BatchJob.objects.renew_planning(job.pk, lost, 60)
    assert not BatchJob.objects.mark_running(job.pk, lost, skipped=0)
    assert BatchJob.objects.renew_planning(job.pk, planner, 60)
    assert BatchJob.objects.mark_running(job.pk, planner, skipped=0)


def test_a_finished_job_is_planned_again_only_alone() -> None:
    finished = BatchJob.objects.create(state=JobState.COMPLETED_WITH_ERRORS)
    active = BatchJob.objects.create(state=JobState.RUNNING)
    with pytest.raises(JobAlreadyActive):
        BatchJob.objects.mark_planning_again(finished.pk, complete=True)
    BatchJob.objects.mark_completed(active.pk, with_errors=False)
    assert BatchJob.objects.mark_planning_again(finished.pk, complete=True)
