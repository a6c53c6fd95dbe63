"""What a person is told about a job: time worked, pace, and what was left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embeddings.jobs.progress import ago, progress_of
from embeddings.models import BatchJob, JobState, ResultState, SliceRecord, Track, TrackResult, WorkerState
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


def silent_for(minutes: float, *, heard: float | None = None) -> BatchJob:
    """A job that has run for an hour, settled nothing for so many minutes, and whose worker was heard of then."""
    job = running_job(2)
    moment = datetime.now(UTC)
    BatchJob.objects.update(resumed_at=moment - timedelta(hours=1))
    first = TrackResult.objects.order_by("pk").values("pk")[:1]
    settled = moment - timedelta(minutes=minutes)
    TrackResult.objects.filter(pk__in=list(first.values_list("pk", flat=True))).update(
        state=ResultState.DONE, finished_at=settled
    )
    if heard is not None:
        said = {"slot": "attic:4e2cd830:1", "job": job, "sentence": "acoustic on the CPU"}
        WorkerState.objects.create(updated_at=moment - timedelta(minutes=heard), **said)
    job.refresh_from_db()
    return job


def test_a_job_that_settles_nothing_is_stalled_and_says_who_was_heard_of_last() -> None:
    said = progress_of(silent_for(12.5, heard=11.5)).stalled
    assert said == "No progress for 12 minutes; worker 1 on attic was last heard of 11 minutes ago."


def test_a_stalled_job_without_a_worker_says_so() -> None:
    assert progress_of(silent_for(59)).stalled == (
        "No progress for 59 minutes; no worker has said anything of this job."
    )


def test_the_time_before_a_pause_is_no_stall() -> None:
    job = silent_for(50)
    BatchJob.objects.update(resumed_at=datetime.now(UTC) - timedelta(minutes=1))
    job.refresh_from_db()
    assert progress_of(job).stalled == ""


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.RUNNING])
def test_only_a_job_that_runs_can_stall(state: str) -> None:
    job = silent_for(50)
    BatchJob.objects.update(state=state)
    job.refresh_from_db()
    assert progress_of(job).stalled == ""


def test_a_job_that_somebody_finishes_is_not_stalled() -> None:
    job = silent_for(50)
    BatchJob.objects.claim_finishing(job.pk, 60.0)
    job.refresh_from_db()
    assert progress_of(job).stalled == ""
    BatchJob.objects.renew_finishing(job.pk, job.finisher, -1.0)
    job.refresh_from_db()
    assert progress_of(job).stalled.startswith("No progress for 50 minutes;")


def test_a_job_that_rests_between_slices_is_not_stalled() -> None:
    job = silent_for(50)
    job.options = {"delay_seconds": 3000.0}
    assert progress_of(job).stalled == ""
    job.options = {"delay_seconds": 2000.0}
    assert progress_of(job).stalled.startswith("No progress for 50 minutes;")


def test_how_long_is_a_setting(settings: Any) -> None:
    job = silent_for(5)
    assert progress_of(job).stalled == ""
    settings.JOB_STALL_SECONDS = 240
    assert progress_of(job).stalled.startswith("No progress for 5 minutes;")
    settings.JOB_STALL_SECONDS = 0
    assert progress_of(job).stalled == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (61, "1 minute"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def test_what_is_tried_later_is_pending_and_counted_apart() -> None:
    job = running_job(3)
    TrackResult.objects.filter(track__path="0001.mp3").update(retry_at=NOW)
    counted = progress_of(job)
    assert (counted.operations.pending, counted.waiting_retries) == (3, 1)


def test_the_last_track_is_the_one_that_was_settled_last() -> None:
    job = running_job(3)
    Track.objects.filter(path="0001.mp3").update(artist="Artist", title="Title")
    assert progress_of(job).last_track == ""
    for path, minutes in (("0000.mp3", 3), ("0001.mp3", 1)):
        ended = NOW - timedelta(minutes=minutes)
        TrackResult.objects.filter(track__path=path).update(
            state=ResultState.FAILED, started_at=ended, finished_at=ended
        )
    assert progress_of(job).last_track == "Artist - Title"


def test_slices_are_summed_up() -> None:
    job = running_job(1)
    for worker, seconds, memory in (("a", 2.0, 900.0), ("b", 4.0, 500.0), ("a", 9.0, 400.0)):
        moments = {"started_at": NOW, "finished_at": NOW + timedelta(seconds=seconds)}
        SliceRecord.objects.create(job=job, model="acoustic", worker=worker, memory_mb=memory, **moments)
    counted = progress_of(job)
    assert (counted.slices, counted.slice_seconds_median, counted.slice_seconds_p95) == (3, 4.0, 9.0)
    assert counted.memory_mb == 500.0


def test_music_is_counted_by_slices_where_there_are_any() -> None:
    job = running_job(2)
    TrackResult.objects.update(state=ResultState.DONE, audio_seconds=200.0)
    assert progress_of(job).audio_seconds == 400.0
    moments = {"started_at": NOW, "finished_at": NOW}
    SliceRecord.objects.create(job=job, model="acoustic", worker="a", audio_seconds=350.0, **moments)
    assert progress_of(job).audio_seconds == 350.0


def test_a_job_that_waits_says_until_when() -> None:
    job = running_job(1)
    BatchJob.objects.mark_waiting(job.pk, "The store is away.", NOW)
    job.refresh_from_db()
    assert (progress_of(job).state, progress_of(job).retry_at) == ("waiting", NOW)
