"""A vector store that loses a collection in the middle of a job: it is made anew and filled, and not for ever."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from embeddings.domain import VectorRow
from embeddings.embedders import get_spec
from embeddings.jobs import control, tasks
from embeddings.jobs.resident import resident
from embeddings.jobs.waiting import MOST_LOSSES
from embeddings.models import BatchJob, Generation, JobState, TrackResult
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.brief import TRACKS

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
ALIAS = get_spec("acoustic").alias


class Forgetful(MemoryStore):
    """Loses what the acoustic model wrote so many times: before more is written, or before it is flushed."""

    def __init__(self, *, upserts: int = 0, flushes: int = 0) -> None:
        super().__init__()
        self.upserts, self.flushes = upserts, flushes

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write, or lose what was written first."""
        self.upserts -= self._lose(collection, self.upserts)
        super().upsert(collection, rows)

    def flush(self, collection: str) -> None:
        """Flush, or lose what was written first."""
        self.flushes -= self._lose(collection, self.flushes)
        super().flush(collection)

    def _lose(self, collection: str, left: int) -> int:
        if left <= 0 or not collection.startswith(ALIAS):
            return 0
        self._aliases.pop(ALIAS, None)
        self.drop(collection)
        return 1


@pytest.fixture
def losing(brief: Path, weights: Path, work: Work) -> Forgetful:
    """A worker's store, in which another model has its vectors already."""
    resident().store = made = Forgetful()
    control.start_job(models=["weighted"])
    work()
    return made


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("lost", ["upserts", "flushes"])
def test_a_lost_collection_is_made_anew_and_filled(losing: Forgetful, work: Work, lost: str) -> None:
    setattr(losing, lost, 1)
    job = control.start_job()
    work()
    assert (now(job).state, job.message) == (JobState.COMPLETED, "")
    assert losing.count(ALIAS) == TRACKS
    assert Generation.objects.get(model="acoustic").vectors.count() == TRACKS
    assert not TrackResult.objects.filter(lost__gt=0).exists()


def test_what_was_current_before_the_loss_is_embedded_as_well(losing: Forgetful, brief: Path, work: Work) -> None:
    control.start_job()
    work()
    (brief / "0.wav").write_bytes((brief / "1.wav").read_bytes() + b"changed")
    losing.upserts = 1
    job = control.start_job()
    work()
    assert (now(job).state, losing.count(ALIAS)) == (JobState.COMPLETED, TRACKS)
    assert job.results.count() == TRACKS


def test_a_store_that_goes_on_losing_it_fails_the_job(losing: Forgetful, work: Work) -> None:
    losing.upserts = 99
    job = control.start_job()
    work()
    assert (now(job).state, losing.upserts) == (JobState.FAILED, 99 - MOST_LOSSES - 1)
    assert job.message.endswith(f"It was made anew {MOST_LOSSES} times, and is gone again.")


def test_while_it_is_planned_again_it_says_what_was_lost(losing: Forgetful) -> None:
    losing.upserts = 1
    job = control.start_job()
    tasks.plan(job.pk)
    tasks.embed_slice(job.pk)
    assert (now(job).state, job.losses, job.resumed_at) == (JobState.PLANNING, 1, None)
    assert job.message.startswith("It is planned again: The vector store has no collection ")
