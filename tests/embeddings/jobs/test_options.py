"""How one job is worked off, where it differs from the settings."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.db import connection

from embeddings.domain import JobOptions
from embeddings.errors import Refused
from embeddings.jobs import control, knocking, tasks
from embeddings.models import BatchJob, JobState, ResultState, SliceRecord, TrackFailure, TrackResult, WorkerState
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.brief import TRACKS
from tests.services import until

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
PAST = "2020-01-01T00:00Z"


def planned(**options: Any) -> BatchJob:
    """A job of four operations with these options."""
    job = control.start_job(options=JobOptions(**options))
    tasks.plan(job.pk)
    return now(job)


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def done() -> int:
    return TrackResult.objects.filter(state=ResultState.DONE).count()


def test_a_batch_size_is_what_is_claimed_at_once(brief: Path, queue: None, store: VectorStore, settings: Any) -> None:
    job = planned(batch_size=2, delay_seconds=0.01)
    assert tasks.embed_slice(job.pk) == 2
    assert done() == 2
    assert tasks.embed_slice(job.pk) == 2
    assert (now(job).state, SliceRecord.objects.count()) == (JobState.COMPLETED, 2)


def test_messages_are_counted_by_the_jobs_own_slices(brief: Path, queue: None, store: VectorStore) -> None:
    job = planned(batch_size=1)
    queued = django_rq.get_queue("embed")
    queued.connection.delete(queued.key)
    knocking.knock(job.pk, workers=3)
    assert len(queued) == 3


def test_a_worker_rests_between_two_slices(brief: Path, queue: None, store: VectorStore) -> None:
    job = planned(batch_size=3, delay_seconds=0.7)
    tasks.embed_slice(job.pk)
    first = TrackResult.objects.filter(state=ResultState.DONE).latest("finished_at").finished_at
    tasks.embed_slice(job.pk)
    second = TrackResult.objects.filter(state=ResultState.DONE).latest("finished_at")
    assert first is not None
    assert second.started_at is not None
    assert (second.started_at - first).total_seconds() >= 0.7
    assert now(job).state == JobState.COMPLETED


@pytest.mark.parametrize("end", [control.cancel_job, control.pause_job])
def test_a_rest_ends_with_what_a_person_asks_for(
    brief: Path, queue: None, store: VectorStore, end: Callable[[BatchJob], None]
) -> None:
    job = planned(batch_size=3, delay_seconds=3600.0)

    def turn() -> None:
        tasks.embed_slice(job.pk)
        connection.close()

    worker = threading.Thread(target=turn)
    worker.start()
    until(WorkerState.objects.filter(sentence="Resting for 3600 s between two slices").exists)
    end(now(job))
    worker.join(timeout=60)
    assert (worker.is_alive(), done()) == (False, 3)


def test_a_job_says_how_often_it_tries_again(brief: Path, queue: None, store: VectorStore) -> None:
    job = planned(max_retries=0)
    (brief / "1.wav").unlink()
    tasks.embed_slice(job.pk)
    assert now(job).state == JobState.COMPLETED_WITH_ERRORS
    assert TrackFailure.objects.get().code == "audio_missing"


def test_the_settings_say_how_often_where_a_job_does_not(
    brief: Path, queue: None, store: VectorStore, settings: Any
) -> None:
    settings.JOB_MAX_RETRIES = 0
    job = planned()
    (brief / "1.wav").unlink()
    tasks.embed_slice(job.pk)
    assert now(job).state == JobState.COMPLETED_WITH_ERRORS


def test_a_job_runs_until_what_is_put_off_is_tried_again(
    brief: Path, queue: None, store: VectorStore, work: Work
) -> None:
    song = brief / "1.wav"
    job = planned()
    sound = song.read_bytes()
    song.unlink()
    work()
    assert (now(job).state, done(), TrackResult.objects.put_off(job.pk).count()) == (JobState.RUNNING, TRACKS - 1, 1)
    assert [len(django_rq.get_queue(name)) for name in ("control", "embed")] == [0, 0]
    song.write_bytes(sound)
    TrackResult.objects.update(retry_at=None)
    work()
    assert (now(job).state, done(), TrackFailure.objects.count()) == (JobState.COMPLETED, TRACKS, 1)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": -1}, {"max_retries": 101}, {"delay_seconds": float("nan")}, {"delay_seconds": float("inf")}],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], db: None) -> None:
    (name,) = options
    with pytest.raises(Refused, match=f"{name} has to be between 0 and"):
        control.start_job(options=JobOptions(**options))
    assert not BatchJob.objects.exists()
