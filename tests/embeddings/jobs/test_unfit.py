"""A worker that lacks what a model was begun with: it does what else there is, and stands in nobody's way."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import django_rq
import pytest
import torch

from embeddings import conf
from embeddings.domain import Window
from embeddings.embedders import SPECS
from embeddings.embedders.base import Features
from embeddings.errors import TrackError, WorkerUnfit
from embeddings.jobs import control, knocking, tasks
from embeddings.jobs.identity import fit_device
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Runner
from embeddings.jobs.worker import ResidentWorker
from embeddings.models import BatchJob, Generation, JobState, Lease, ResultState, TrackResult, WorkerState
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.weighted import WeightedEmbedder, write_weights

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
WAITING = "Waiting, and trying again by itself: "
PENDING = {ResultState.PENDING}


class CoarseEmbedder(WeightedEmbedder):
    """Finds out by computing that this worker is unfit."""

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        raise WorkerUnfit("weighted is too coarse here")


@pytest.fixture
def coarse(weights: Path) -> None:
    """The model as this worker would compute it."""
    SPECS["weighted"] = replace(SPECS["weighted"], loader="tests.embeddings.jobs.test_unfit:CoarseEmbedder")


@pytest.fixture
def another(queue: None) -> None:
    """Two workers are awake: this one and another."""
    for worker in (embedding_worker(), embedding_worker()):
        worker.register_birth()


def embedding_worker(**options: Any) -> ResidentWorker:
    queues = [django_rq.get_queue(name) for name in ("control", "embed")]
    first = queues[0]
    return ResidentWorker(queues, connection=first.connection, serializer=first.serializer, **options)


def planned(*models: str) -> BatchJob:
    """A job whose rows are all pending, and for which nobody has been knocked yet."""
    job = control.start_job(models=list(models))
    tasks.plan(job.pk)
    for name in ("control", "embed"):
        queue = django_rq.get_queue(name)
        queue.connection.delete(queue.key)
    return now(job)


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def states(model: str) -> set[str]:
    return set(TrackResult.objects.filter(model=model).values_list("state", flat=True))


def another_worker() -> None:
    """What comes next is done by a worker that has found out nothing yet."""
    resident().close()
    resident.cache_clear()


def test_a_worker_unfit_for_the_first_model_embeds_the_others(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = planned("weighted", "acoustic")
    write_weights(weights, 3.0)
    work()
    assert (states("weighted"), states("acoustic")) == (PENDING, {ResultState.DONE})
    assert now(job).state == JobState.RUNNING
    assert now(job).message.startswith(f"{WAITING}This worker has checkpoint")
    write_weights(weights, 2.0)
    work()
    assert (now(job).state, job.message) == (JobState.COMPLETED, "")


def test_a_worker_that_computing_showed_unfit_embeds_the_others(
    few: Path, coarse: None, work: Work, store: VectorStore
) -> None:
    job = planned("weighted", "acoustic")
    work()
    assert (states("weighted"), states("acoustic")) == (PENDING, {ResultState.DONE})
    assert now(job).message == f"{WAITING}weighted is too coarse here"
    assert WorkerState.objects.get(job=job).sentence == "weighted is too coarse here"


def test_a_checkpoint_that_one_worker_lacks_keeps_only_that_worker(
    few: Path, weights: Path, work: Work, store: VectorStore, settings: Any
) -> None:
    job = planned("weighted")
    another_worker()
    settings.CHECKPOINTS = {"weighted": str(weights / "nowhere")}
    tasks.embed_slice(job.pk)
    assert (now(job).state, states("weighted")) == (JobState.RUNNING, PENDING)
    assert job.message.startswith(f"{WAITING}WEIGHTED_CHECKPOINT is no folder")
    another_worker()
    settings.CHECKPOINTS = {"weighted": str(weights)}
    work()
    assert now(job).state == JobState.COMPLETED


def test_a_device_that_one_worker_lacks_keeps_only_that_worker(
    few: Path, weights: Path, work: Work, store: VectorStore, settings: Any
) -> None:
    job = planned("weighted")
    another_worker()
    settings.DEVICE = "cuda:31"
    tasks.embed_slice(job.pk)
    assert (now(job).state, states("weighted")) == (JobState.RUNNING, PENDING)
    assert job.message.startswith(f"{WAITING}DEVICE asks for cuda:31")


def test_a_knock_that_an_unfit_worker_took_is_passed_on(
    few: Path, weights: Path, work: Work, store: VectorStore, another: None
) -> None:
    job = planned("weighted")
    write_weights(weights, 3.0)
    tasks.embed_slice(job.pk)
    tasks.embed_slice(job.pk)
    assert len(django_rq.get_queue("embed")) == 1
    assert tasks.stands_aside()


def test_a_worker_alone_knocks_for_nobody(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    job = planned("weighted")
    write_weights(weights, 3.0)
    tasks.embed_slice(job.pk)
    assert len(django_rq.get_queue("embed")) == 0
    assert not tasks.stands_aside()


def test_a_worker_that_stands_aside_leaves_the_others_the_messages(
    few: Path, weights: Path, queue: None, store: VectorStore
) -> None:
    job = planned("weighted")
    knocking.knock(job.pk)
    embedding_worker(stands_aside=lambda: True).work(burst=True, logging_level="WARNING")
    assert [len(django_rq.get_queue(name)) for name in ("control", "embed")] == [0, 1]
    embedding_worker(stands_aside=tasks.stands_aside).work(burst=True, logging_level="WARNING")
    assert now(job).state == JobState.COMPLETED


def test_a_job_that_embeds_does_not_say_that_it_waits(
    few: Path, weights: Path, queue: None, store: VectorStore
) -> None:
    job = planned("weighted")
    BatchJob.objects.note(job.pk, f"{WAITING}somebody is unfit")
    lease = Lease.take(job.pk, worker="fit", seconds=60.0)
    assert Runner(lease, resident(), slice_size=64, should_stop=lambda: False).run() == 8
    assert (now(job).state, job.message) == (JobState.RUNNING, "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, on which both go on")
@pytest.mark.parametrize(
    ("device", "precision", "help"),
    [
        ("auto", "bfloat16", "begun in bfloat16 on a GPU.*mend the GPU, or set DEVICE=cpu to go on slowly"),
        ("auto", "tf32", "begun in tf32 on a GPU.*or cancel the job, set PRECISION=float32 and start another"),
        ("cpu", "tf32", "begun in tf32 on a GPU.*or cancel the job, set PRECISION=float32 and start another"),
    ],
)
def test_a_worker_whose_gpu_broke_does_not_go_on_on_the_cpu(device: str, precision: str, help: str) -> None:  # noqa: A002
    generation = Generation(model="muq", precision=precision)
    with pytest.raises(WorkerUnfit, match=help):
        fit_device(generation, replace(conf.models(), device=device))


def test_a_cpu_that_was_asked_for_goes_on_where_it_can() -> None:
    generation = Generation(model="muq", precision="bfloat16")
    assert fit_device(generation, replace(conf.models(), device="cpu")) == "cpu"
