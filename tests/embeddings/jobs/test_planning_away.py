"""A library that is away while a job is planned is waited for; one that was misnamed fails the job."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embeddings.jobs import control, tasks
from embeddings.models import BatchJob, JobState, Library, Track
from embeddings.models.job import WAITING
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.brief import TRACKS

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def due_now() -> None:
    BatchJob.objects.update(retry_at="2020-01-01T00:00Z")


def test_planning_waits_for_a_library_that_is_mounted_later(brief: Path, work: Work, store: VectorStore) -> None:
    control.start_job()
    work()
    brief.rename(brief.with_name("unmounted"))
    job = control.start_job()
    tasks.plan(job.pk)
    assert (now(job).state, job.outages) == (JobState.PLANNING, 1)
    assert job.message == f"{WAITING}The music folder {brief} is not there; is its disk mounted?"
    brief.mkdir()
    due_now()
    tasks.plan(job.pk)
    assert (now(job).state, job.outages) == (JobState.PLANNING, 2)
    assert f"The source lists no track, and the catalogue knows {TRACKS}" in job.message
    brief.rmdir()
    brief.with_name("unmounted").rename(brief)
    due_now()
    tasks.plan(job.pk)
    assert now(job).state == JobState.COMPLETED


@pytest.mark.parametrize("empty", [False, True])
def test_a_folder_that_never_was_a_library_fails_the_job(
    brief: Path, work: Work, store: VectorStore, settings: Any, tmp_path: Path, *, empty: bool
) -> None:
    control.start_job()
    work()
    settings.MUSIC = str(tmp_path / "nowhere")
    if empty:
        (tmp_path / "nowhere").mkdir()
    job = control.start_job()
    tasks.plan(job.pk)
    assert now(job).state == JobState.FAILED
    assert "is not there" in job.message or "lists no track" in job.message


def test_planning_waits_for_a_navidrome_whose_tracks_are_known(queue: None, store: VectorStore, settings: Any) -> None:
    settings.MUSIC, settings.NAVIDROME_DB = "", "/nowhere/navidrome.db"
    library = Library.objects.create(source="navidrome", external_id=1, name="music", root="/music")
    misnamed = control.start_job()
    tasks.plan(misnamed.pk)
    assert now(misnamed).state == JobState.FAILED
    Track.objects.create(library=library, path="1.mp3", signature="1-1")
    job = control.start_job()
    tasks.plan(job.pk)
    assert (now(job).state, job.outages) == (JobState.PLANNING, 1)
    assert "There is no file /nowhere/navidrome.db" in job.message
