"""What a person may ask for, and what is refused with a sentence."""

from typing import Any

import pytest

from embeddings.errors import JobAlreadyActive, NotFound, NotPossibleNow, Refused, UnknownEmbedder
from embeddings.jobs import control
from embeddings.models import BatchJob, JobState, ResultState, Track, TrackResult
from tests.embeddings.models.rows import lease, running_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue")]


def test_a_second_job_is_refused_and_says_which_is_active() -> None:
    job = control.start_job()
    with pytest.raises(JobAlreadyActive, match=f"Job {job.pk} is planning"):
        control.start_job()


def test_models_default_to_the_configured_ones() -> None:
    assert control.start_job().model_keys == ["acoustic"]


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownEmbedder, match="acoustic"):
        control.start_job(models=["vggish"])
    assert not BatchJob.objects.exists()


@pytest.mark.parametrize(
    "request_",
    [
        {"scope": "everything"},
        {"scope": "selection"},
        {"scope": "all", "selection": {"artist": "x"}},
        {"scope": "selection", "selection": {"colour": "blue"}},
    ],
)
def test_a_scope_that_means_nothing_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        control.start_job(**request_)


def test_a_selection_that_matches_nothing_is_refused() -> None:
    with pytest.raises(NotFound, match="No track"):
        control.start_job(scope="selection", selection={"artist": "nobody"})


def test_tracks_are_selected_by_either_id() -> None:
    running_job(2, state=JobState.COMPLETED)
    one, two = Track.objects.order_by("path")
    Track.objects.filter(pk=one.pk).update(navidrome_id="abc")
    job = control.start_job(scope="selection", selection={"ids": ["abc", str(two.pk)]})
    assert job.selection["ids"] == sorted([str(one.pk), str(two.pk)])


def test_a_track_that_does_not_exist_is_not_selected() -> None:
    with pytest.raises(NotFound, match="no track xyz"):
        control.start_job(scope="selection", selection={"ids": ["xyz"]})


def test_a_job_that_broke_is_planned_again_and_keeps_the_rows_it_left() -> None:
    job = running_job(2, state=JobState.FAILED)
    assert control.retry_failed(job) == 0
    job.refresh_from_db()
    assert (job.state, job.results.count()) == (JobState.PLANNING, 2)


def test_cancel_answers_at_once_and_leaves_the_tracks_in_hand() -> None:
    job = running_job(5)
    TrackResult.objects.claim(lease(job), model="acoustic", limit=2)
    control.cancel_job(job)
    job.refresh_from_db()
    counted = TrackResult.objects.tally()
    assert (job.state, counted.running, counted.cancelled) == (JobState.CANCELLING, 2, 3)


def test_a_job_with_nothing_in_hand_is_cancelled_on_the_spot() -> None:
    job = running_job(5)
    control.cancel_job(job)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert TrackResult.objects.tally().cancelled == 5


def test_a_finished_job_cannot_be_cancelled() -> None:
    job = running_job(1, state=JobState.COMPLETED)
    with pytest.raises(NotPossibleNow, match="is completed and cannot be cancelled"):
        control.cancel_job(job)


def test_retry_without_failures_is_refused() -> None:
    job = running_job(1, state=JobState.COMPLETED)
    with pytest.raises(NotPossibleNow, match="no failed operations"):
        control.retry_failed(job)


def test_retry_on_a_cancelled_job_leaves_the_cancelled_alone() -> None:
    job = running_job(3, state=JobState.CANCELLED)
    TrackResult.objects.update(state=ResultState.CANCELLED)
    TrackResult.objects.filter(track__path="0000.mp3").update(state=ResultState.FAILED)
    assert control.retry_failed(job) == 1
    counted = TrackResult.objects.tally()
    assert (counted.pending, counted.cancelled) == (1, 2)


def test_retry_beside_an_active_job_is_refused_and_changes_nothing() -> None:
    old = running_job(1, state=JobState.COMPLETED_WITH_ERRORS)
    TrackResult.objects.update(state=ResultState.FAILED)
    BatchJob.objects.create(state=JobState.RUNNING)
    with pytest.raises(JobAlreadyActive):
        control.retry_failed(old)
    assert TrackResult.objects.get().state == ResultState.FAILED


def test_a_job_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound, match="no job yet"):
        control.find_job(None)
    with pytest.raises(NotFound, match="no job 7"):
        control.find_job(7)


def test_who_starts_beside_a_paused_job_is_told_to_resume_it(queue: None) -> None:
    job = control.start_job()
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.PAUSED)
    with pytest.raises(JobAlreadyActive, match="is paused; resume it or cancel it first"):
        control.start_job()
