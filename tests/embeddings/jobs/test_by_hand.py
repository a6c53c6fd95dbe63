"""What failed is tried again because a person asks for it, or because its file changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embeddings.errors import NotFound, NotPossibleNow
from embeddings.jobs import control
from embeddings.models import AuditEntry, BatchJob, JobState, ResultState, Track, TrackFailure, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.brief import TRACKS
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
PAST = "2020-01-01T00:00Z"


def failed(count: int, *, state: str, code: str = "not_audio") -> BatchJob:
    """A job whose operations all failed."""
    job = running_job(count, state=state)
    TrackResult.objects.filter(job=job).update(state=ResultState.FAILED, failure_code=code, started_at=PAST)
    return job


def states(job: BatchJob) -> list[str]:
    return list(TrackResult.objects.filter(job=job).order_by("track__path").values_list("state", flat=True))


def ended(work: Work, job: BatchJob) -> BatchJob:
    work()
    job.refresh_from_db()
    return job


def test_one_track_is_tried_again(queue: None) -> None:
    job = failed(3, state=JobState.RUNNING)
    track = Track.objects.get(path="0001.mp3")
    assert control.retry_failed(job, track_ids=[str(track.pk)]) == 1
    assert states(job) == ["failed", "pending", "failed"]


def test_a_track_is_named_by_navidromes_id_as_well(queue: None) -> None:
    job = failed(2, state=JobState.RUNNING)
    Track.objects.filter(path="0001.mp3").update(navidrome_id="abc")
    assert control.retry_failed(job, track_ids=["abc"]) == 1
    assert states(job) == ["failed", "pending"]


def test_a_track_that_is_not_there_is_not_tried(queue: None) -> None:
    with pytest.raises(NotFound, match="no track xyz"):
        control.retry_failed(failed(1, state=JobState.RUNNING), track_ids=["xyz"])


def test_one_kind_of_failure_is_tried_again(queue: None) -> None:
    job = failed(3, state=JobState.COMPLETED_WITH_ERRORS)
    TrackResult.objects.filter(track__path="0001.mp3").update(failure_code="audio_missing")
    assert control.retry_failed(job, codes=["audio_missing"]) == 1
    job.refresh_from_db()
    assert (states(job), job.state) == (["failed", "pending", "failed"], JobState.PLANNING)


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.WAITING, JobState.PAUSED])
def test_a_job_that_goes_on_anyway_keeps_its_state(queue: None, state: str) -> None:
    job = failed(1, state=state)
    assert control.retry_failed(job) == 1
    job.refresh_from_db()
    assert (job.state, states(job)) == (state, ["pending"])


@pytest.mark.parametrize("state", [JobState.PLANNING, JobState.CANCELLING])
def test_a_job_on_its_way_to_another_state_is_left_alone(queue: None, state: str) -> None:
    job = failed(1, state=state)
    with pytest.raises(NotPossibleNow, match=f"is {state} and cannot be retried now"):
        control.retry_failed(job)
    assert states(job) == ["failed"]


def test_what_would_be_tried_later_is_tried_now(queue: None) -> None:
    job = running_job(1)
    TrackResult.objects.update(retry_at="2999-01-01T00:00Z", failure_code="audio_missing", retries=1)
    assert control.retry_failed(job) == 1
    row = TrackResult.objects.get()
    assert (row.state, row.retry_at, row.retries) == (ResultState.PENDING, None, 0)


def test_who_asked_is_kept(queue: None) -> None:
    job = failed(1, state=JobState.RUNNING, code="audio_missing")
    track = str(Track.objects.get().pk)
    control.retry_failed(job, codes=["audio_missing"], track_ids=[track])
    kept = AuditEntry.objects.get(action="retry-failed").details
    assert kept == {"operations": 1, "codes": ["audio_missing"], "tracks": [track]}


def test_of_a_cancelled_job_only_what_failed_is_done(brief: Path, work: Work, store: VectorStore) -> None:
    job = ended(work, control.start_job())
    one, two, *_ = job.results.order_by("track__path").values_list("pk", flat=True)
    TrackResult.objects.filter(pk=one).update(state=ResultState.FAILED)
    TrackResult.objects.filter(pk=two).update(state=ResultState.CANCELLED)
    BatchJob.objects.update(state=JobState.CANCELLED)
    control.retry_failed(job)
    assert ended(work, job).state == JobState.COMPLETED
    assert states(job) == ["done", "cancelled", "done", "done"]


def test_a_failure_of_the_file_waits_for_another_file(brief: Path, work: Work, store: VectorStore) -> None:
    song = brief / "1.wav"
    sound = song.read_bytes()
    song.write_text("this was a song\n" * 500)
    ended(work, control.start_job())
    assert TrackFailure.objects.get().permanent
    assert ended(work, control.start_job()).results.count() == 0
    song.write_bytes(sound)
    again = ended(work, control.start_job())
    assert (again.state, again.results.count(), again.skipped) == (JobState.COMPLETED, 1, TRACKS - 1)
