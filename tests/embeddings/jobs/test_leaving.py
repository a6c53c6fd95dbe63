"""A worker that downloads or loads walks away from it when it has to end, or when nobody waits for the model."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedder_site.env import BASE_DIR
from embeddings.embedders import get_spec
from embeddings.jobs import control, tasks
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Runner
from embeddings.models import (
    BatchJob,
    Generation,
    Identity,
    JobState,
    Lease,
    ResultState,
    Track,
    TrackResult,
    WorkerState,
)
from embeddings.store.base import VectorStore
from tests.embeddings.embedders.hub_server import serving
from tests.services import database_url, until

pytestmark = pytest.mark.django_db(transaction=True)
Worker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def endless() -> Iterator[str]:
    """Address of a hub whose downloads begin and do not end."""
    (files,) = get_spec("latent").checkpoint
    over = threading.Event()
    with serving(
        {f"{files.repository}/resolve/{files.revision}/{name}": bytes(4_000_000) for name in files.names}
    ) as hub:
        hub.pause = lambda _sent: over.wait(60.0)
        yield hub.url
        over.set()


@pytest.fixture
def worker(
    work: Callable[[], None], redis_url: str, milvus_uri: str, few: Path, tmp_path: Path, endless: str
) -> Iterator[Worker]:
    """Start a worker that has no checkpoint yet."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | {
        "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "MILVUS_URI": milvus_uri,
        "MUSIC": str(few),
        "WORKER_SLOT": "slot-1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": endless,
    }

    def start() -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen([sys.executable, str(BASE_DIR / "manage.py"), "work"], env=environment))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait(timeout=10)


@pytest.fixture
def begun(catalogue: list[Track]) -> BatchJob:
    """A running job of a model that somebody else has the checkpoint of."""
    spec = get_spec("latent")
    identity = Identity(checkpoint="a" * 64, packages="music2latent 0", precision="float32")
    generation = Generation.objects.open(spec, state="live", identity=identity)
    job = BatchJob.objects.create(state=JobState.RUNNING, model_keys=["latent"])
    rows = [TrackResult(job=job, track=track, model="latent", generation=generation) for track in catalogue]
    TrackResult.objects.bulk_create(rows)
    return job


def downloads() -> bool:
    return WorkerState.objects.filter(sentence__startswith="Downloading latent").exists()


def state_of(job: BatchJob) -> str:
    job.refresh_from_db()
    return job.state


def test_a_worker_that_downloads_ends_within_seconds(worker: Worker, begun: BatchJob) -> None:
    program = worker()
    until(downloads)
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=10) == 0
    assert (state_of(begun), TrackResult.objects.filter(state=ResultState.PENDING).count()) == (JobState.RUNNING, 8)


def test_a_worker_that_downloads_for_a_plan_ends_within_seconds(worker: Worker) -> None:
    job = control.start_job(models=["latent"])
    program = worker()
    until(lambda: BatchJob.objects.filter(message__startswith="Downloading latent").exists())
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=10) == 0
    assert state_of(job) == JobState.PLANNING
    assert BatchJob.objects.claim_planning(job.pk, 30.0)


def test_a_worker_leaves_a_download_that_is_not_wanted_any_more(worker: Worker, begun: BatchJob) -> None:
    worker()
    until(downloads)
    control.cancel_job(begun)
    other = control.start_job(models=["acoustic"])
    until(lambda: state_of(other) == JobState.COMPLETED, seconds=30.0)
    assert state_of(begun) == JobState.CANCELLED


@pytest.mark.parametrize("ending", ["worker", "job"])
def test_what_nobody_waits_for_is_not_loaded(
    few: Path, weights: Path, queue: None, store: VectorStore, ending: str
) -> None:
    job = control.start_job(models=["weighted"])
    tasks.plan(job.pk)
    if ending == "job":
        control.pause_job(job)
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    assert Runner(lease, resident(), slice_size=64, should_stop=lambda: ending == "worker").run() == 0
    assert resident().loaded is None
    assert not TrackResult.objects.exclude(state=ResultState.PENDING).exists()
