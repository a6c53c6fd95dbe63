"""An error that nobody foresaw: the model that it happened in is not used again, and neither is its GPU's context."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from embeddings.domain import Window
from embeddings.embedders import SPECS, load_embedder
from embeddings.embedders.base import Features, Runtime
from embeddings.embedders.checkpoints import locate
from embeddings.errors import BackendUnavailable, TrackError
from embeddings.jobs import control, tasks
from embeddings.jobs.resident import Loaded, resident
from embeddings.models import (
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    ResultState,
    Track,
    TrackResult,
    WorkerState,
)
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.built import built
from tests.embeddings.jobs.weighted import WeightedEmbedder

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = "CUDA error: an illegal memory access was encountered"


class BrokenEmbedder(WeightedEmbedder):
    """Fails as torch does once a kernel went astray: at what it computes, and at giving memory back."""

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        raise RuntimeError(WORDS)

    def close(self) -> None:
        super().close()
        raise RuntimeError(WORDS)


@pytest.fixture
def job(few: Path, weights: Path, queue: None, store: VectorStore) -> BatchJob:
    """A planned job of the broken model."""
    SPECS["weighted"] = replace(SPECS["weighted"], loader="tests.embeddings.jobs.test_broken_models:BrokenEmbedder")
    job = control.start_job(models=["weighted"])
    tasks.plan(job.pk)
    return job


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """What this process was asked for."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


def loaded_on(device: str, weights: Path, folder: Path) -> BrokenEmbedder:
    """The model in this worker's memory, as if it had been loaded there."""
    spec = SPECS["weighted"]
    runtime = Runtime(checkpoint=locate(spec, weights, digests=folder / "digests.json"))
    embedder = load_embedder(spec, runtime)
    assert isinstance(embedder, BrokenEmbedder)
    resident()._loaded = Loaded(generation_id=Generation.objects.latest("pk").pk, embedder=embedder, device=device)
    return embedder


def turn_at(job: BatchJob) -> None:
    """A turn that breaks."""
    with pytest.raises(RuntimeError, match="illegal memory access"):
        tasks.embed_slice(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert WORDS in job.message
    assert not TrackResult.objects.exclude(state=ResultState.PENDING).exists()


def test_a_model_that_broke_is_dropped(job: BatchJob, signals: list[int]) -> None:
    turn_at(job)
    assert resident().loaded is None
    assert signals == []
    resident().bulletin.write()
    assert WorkerState.objects.get().model == ""


def test_a_worker_whose_gpu_may_be_damaged_ends(
    job: BatchJob, signals: list[int], weights: Path, tmp_path: Path
) -> None:
    embedder = loaded_on("cuda:0", weights, tmp_path)
    turn_at(job)
    assert embedder.closed
    assert resident().loaded is None
    assert signals == [signal.SIGTERM]


def test_a_gpu_that_breaks_while_a_job_is_finished_ends_the_worker_as_well(
    job: BatchJob, signals: list[int], weights: Path, tmp_path: Path, store: VectorStore
) -> None:
    Track.objects.update(signature="1-1")
    new = built(store, list(Track.objects.all()), state=GenerationState.BUILDING)
    BatchJob.objects.filter(pk=job.pk).update(targets={"weighted": new.pk})
    job.results.update(state=ResultState.DONE, generation=new)
    loaded_on("cuda:0", weights, tmp_path)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        tasks.embed_slice(job.pk)
    job.refresh_from_db()
    assert (job.state, signals) == (JobState.FAILED, [signal.SIGTERM])


def test_a_store_that_went_away_leaves_the_model_loaded(
    job: BatchJob, signals: list[int], weights: Path, tmp_path: Path
) -> None:
    embedder = loaded_on("cuda:0", weights, tmp_path)
    with pytest.raises(BackendUnavailable), resident().embedder(Generation.objects.get()):
        raise BackendUnavailable("The store does not answer.")
    assert not embedder.closed
    assert (resident().loaded, resident().broken) == (Generation.objects.get().pk, False)
    # Its memory cannot be given back, and nothing is to be.
    resident()._loaded = None
