"""Workers die; jobs do not. The workers here are processes of their own, like a user's."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedder_site.env import BASE_DIR
from embeddings.embedders import get_spec
from embeddings.jobs import control
from embeddings.models import BatchJob, JobState, ResultState, TrackResult
from embeddings.store.base import VectorStore
from tests.conftest import SAMPLE
from tests.services import database_url, until

pytestmark = pytest.mark.django_db(transaction=True)
TRACKS = 150
Spawn = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def many(tmp_path: Path, settings: Any) -> Path:
    """Tracks for several seconds, enough for a worker to be in the middle of."""
    folder = tmp_path / "many"
    folder.mkdir()
    songs = sorted(path for path in SAMPLE.rglob("*") if path.suffix in {".mp3", ".opus", ".ogg"})
    copies = {song: Path(shutil.copy(song, tmp_path)) for song in songs}
    for number in range(TRACKS):
        song = songs[number % len(songs)]
        os.link(copies[song], folder / f"{number:03d}{song.suffix}")
    settings.MUSIC = str(folder)
    return folder


@pytest.fixture
def spawn(queue: None, store: VectorStore, redis_url: str, milvus_uri: str, many: Path) -> Iterator[Spawn]:
    """Start workers on the test's own database, queue and store."""
    started: list[subprocess.Popen[bytes]] = []

    def one(slot: str) -> "subprocess.Popen[bytes]":
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url,
            "MILVUS_URI": milvus_uri,
            "MUSIC": str(many),
            "WORKER_SLOT": slot,
        }
        started.append(subprocess.Popen([sys.executable, str(BASE_DIR / "manage.py"), "work"], env=environment))
        return started[-1]

    yield one
    for worker in started:
        worker.kill()
        worker.wait(timeout=10)


def in_state(state: str) -> int:
    return TrackResult.objects.filter(state=state).count()


def finished(job: BatchJob) -> bool:
    job.refresh_from_db()
    return not job.is_active


def assert_each_vector_once(job: BatchJob, store: VectorStore) -> None:
    assert job.state == JobState.COMPLETED
    ids = [name for page in store.ids(get_spec("acoustic").alias) for name in page]
    assert sorted(ids) == sorted(str(pk) for pk in job.results.values_list("track_id", flat=True))
    assert len(ids) == TRACKS


def test_a_killed_workers_tracks_are_done_by_its_successor(spawn: Spawn, store: VectorStore) -> None:
    job = control.start_job()
    worker = spawn("slot-1")
    until(lambda: in_state(ResultState.DONE) > 0 and in_state(ResultState.RUNNING) > 0)
    worker.kill()
    worker.wait(timeout=10)
    held = in_state(ResultState.RUNNING)
    spawn("slot-1")
    until(lambda: finished(job))
    assert held > 0
    assert_each_vector_once(job, store)
    assert TrackResult.objects.filter(lost=1).count() == held


def test_sigterm_gives_the_rows_back_within_seconds(spawn: Spawn, store: VectorStore) -> None:
    job = control.start_job()
    worker = spawn("slot-1")
    until(lambda: in_state(ResultState.DONE) > 0 and in_state(ResultState.RUNNING) > 0)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0
    assert in_state(ResultState.RUNNING) == 0
    assert in_state(ResultState.PENDING) > 0
    spawn("slot-1")
    until(lambda: finished(job))
    assert_each_vector_once(job, store)
    assert not TrackResult.objects.filter(lost__gt=0).exists()


def test_cancel_stops_a_running_worker_after_the_tracks_in_hand(spawn: Spawn, store: VectorStore) -> None:
    job = control.start_job()
    spawn("slot-1")
    until(lambda: in_state(ResultState.DONE) > 0)
    control.cancel_job(job)
    until(lambda: finished(job))
    assert job.state == JobState.CANCELLED
    assert in_state(ResultState.DONE) + in_state(ResultState.CANCELLED) == TRACKS
    assert in_state(ResultState.CANCELLED) > 0
    assert store.count(get_spec("acoustic").alias) == in_state(ResultState.DONE)


def test_two_workers_share_a_job(spawn: Spawn, store: VectorStore) -> None:
    job = control.start_job()
    spawn("slot-1")
    spawn("slot-2")
    until(lambda: finished(job))
    assert_each_vector_once(job, store)
