"""What a person reads in the terminal."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from embeddings.jobs import control
from embeddings.models import BatchJob, JobState, ResultState, TrackResult, WorkerState
from embeddings.store.base import VectorStore
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)


def said(*command: str) -> str:
    """What a command writes."""
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_nothing_is_started_when_no_queue_answers(settings: Any) -> None:
    settings.RQ_QUEUES = {
        name: config | {"URL": "redis://127.0.0.1:9/0"} for name, config in settings.RQ_QUEUES.items()
    }
    with pytest.raises(CommandError, match="start it with `make run` first"):
        said("reembed", "start")
    assert not BatchJob.objects.exists()


def test_nobody_waits_for_workers_that_are_not_there(queue: None) -> None:
    with pytest.raises(CommandError, match="No worker is running"):
        said("reembed", "start")
    assert "waits until one is started" in said("reembed", "start", "--detach")
    assert BatchJob.objects.get().state == JobState.PLANNING


def test_failures_are_listed_with_their_file_and_sentence(
    few: Path, work: Callable[[], None], store: VectorStore
) -> None:
    next(few.rglob("*.ogg")).write_text("not a song\n" * 500)
    job = control.start_job()
    work()
    listed = said("reembed", "failures")
    assert "not_audio" in listed
    assert ".ogg" in listed
    assert f"reembed failures {job.pk}" in said("reembed", "status")
    assert said("reembed", "failures", "--code", "audio_empty") == f"Nothing that failed in job {job.pk} is left.\n"


def test_a_summary_says_what_came_of_a_job() -> None:
    job = running_job(10)
    TrackResult.objects.update(state=ResultState.CANCELLED)
    TrackResult.objects.filter(track__path__lt="0003.mp3").update(state=ResultState.DONE)
    BatchJob.objects.update(state=JobState.CANCELLED)
    assert f"Job {job.pk} is cancelled: 3 embedded, 7 cancelled; 0 s." in said("reembed", "status")


def test_a_job_that_does_not_exist_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="There is no job 99"):
        said("reembed", "cancel", "99")


def test_status_says_what_workers_do(queue: None) -> None:
    job = running_job(1)
    WorkerState.objects.say(WorkerState(slot="slot-1", job=job, model="muq", sentence="Loading muq"))
    assert "slot-1: Loading muq" in said("reembed", "status")
    assert json.loads(said("reembed", "status", "--json"))["workers"][0]["sentence"] == "Loading muq"
    BatchJob.objects.update(state=JobState.CANCELLED)
    assert "Loading muq" not in said("reembed", "status")
