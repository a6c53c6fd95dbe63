"""One worker finishes a job, however long that takes; when it falls silent the next one does, and nothing twice."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from embeddings import conf
from embeddings.domain import VectorRow
from embeddings.jobs.archive import folder
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.finishing import Undecided, kept_finishing
from embeddings.jobs.resident import Resident
from embeddings.jobs.settling import settle
from embeddings.models import AuditEntry, BatchJob, Generation, GenerationState, Verification, VerificationState
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.built import built, some_tracks
from tests.services import until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("weights")]


class SlowStore(MemoryStore):
    """A store whose slow moments something may happen in."""

    def __init__(self) -> None:
        super().__init__()
        self.when_flushed: Callable[[], Any] = lambda: None
        self.when_read: Callable[[], Any] = lambda: None

    def flush(self, collection: str) -> None:
        happens, self.when_flushed = self.when_flushed, lambda: None
        happens()
        super().flush(collection)

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        happens, self.when_read = self.when_read, lambda: None
        happens()
        yield from super().rows(collection, after=after)


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def job(store: SlowStore, settings: Any, tmp_path: Path) -> BatchJob:
    """A job at its end that has filled a generation, and saves the live one before it is replaced."""
    settings.BACKUP_DIR = str(tmp_path / "backups")
    tracks = some_tracks(5)
    _, new = (built(store, tracks, state=state) for state in (GenerationState.LIVE, GenerationState.BUILDING))
    options = {"verify": False, "backup": True}
    return BatchJob.objects.create(
        state="running", model_keys=["weighted"], targets={"weighted": new.pk}, options=options
    )


def look_at(job: BatchJob, store: SlowStore) -> bool:
    """What a worker does when it is idle."""
    return settle(job.pk, Resident(store=store, decoders=[], config=conf.models(), bulletin=Bulletin("a")))


def states() -> list[str]:
    return list(Generation.objects.order_by("number").values_list("state", flat=True))


def fall_silent() -> None:
    BatchJob.objects.update(finishing_lease=timezone.now() - timedelta(seconds=1))


def test_a_worker_that_exports_is_left_to_promote(job: BatchJob, store: SlowStore) -> None:
    found: list[bool] = []
    store.when_read = lambda: found.append(look_at(job, store))
    assert look_at(job, store)
    job.refresh_from_db()
    assert (found, states(), job.message) == ([False], ["retired", "live"], "")


def test_a_silent_worker_s_job_is_finished_once(job: BatchJob, store: SlowStore) -> None:
    found: list[bool] = []

    def happens() -> None:
        fall_silent()
        found.append(look_at(job, store))

    store.when_flushed = happens
    assert not look_at(job, store)
    job.refresh_from_db()
    assert (found, states(), job.state) == ([True], ["retired", "live"], "completed")
    assert AuditEntry.objects.filter(action="promote").count() == 1


def test_somebody_s_export_of_the_same_generation_is_waited_for(
    job: BatchJob, store: SlowStore, tmp_path: Path
) -> None:
    with folder.held(tmp_path / "backups" / Generation.objects.get(state="live").collection):
        assert not look_at(job, store)
    job.refresh_from_db()
    assert job.message.startswith("Waiting, and trying again by itself: Another export or import uses")
    assert look_at(job, store)
    assert states() == ["retired", "live"]


def test_a_worker_that_ends_lets_the_next_one_begin_at_once(job: BatchJob) -> None:
    with kept_finishing(job):
        first = job.finisher
        with pytest.raises(Undecided), kept_finishing(BatchJob.objects.get()):
            raise AssertionError
    with kept_finishing(job):
        assert job.finisher != first


@pytest.mark.django_db(transaction=True)
def test_the_right_to_finish_is_kept_through_a_long_step(job: BatchJob) -> None:
    with kept_finishing(job, seconds=1.0):
        job.refresh_from_db()
        first = job.finishing_lease
        assert first is not None
        until(lambda: BatchJob.objects.filter(finishing_lease__gt=first + timedelta(seconds=1)).exists())


@pytest.mark.parametrize(("minutes", "message"), [(1, "did not pass verification"), (-1, "")])
def test_what_failed_at_this_end_of_the_job_is_not_examined_again(
    job: BatchJob, store: SlowStore, minutes: int, message: str
) -> None:
    began = timezone.now()
    BatchJob.objects.update(resumed_at=began, options={})
    new = Generation.objects.get(state="building")
    Verification.objects.create(
        generation=new,
        state=VerificationState.FAILED,
        writes=new.writes,
        started_at=began + timedelta(minutes=minutes),
        checks=[{"name": "norms", "passed": False, "sentence": "They are too long."}],
    )
    assert look_at(job, store)
    job.refresh_from_db()
    assert message in job.message
    assert states() == (["live", "building"] if message else ["retired", "live"])
    assert Verification.objects.count() == (1 if message else 2)


def test_a_generation_is_looked_at_as_it_is_when_its_turn_comes(job: BatchJob, store: SlowStore) -> None:
    other = built(store, [], state=GenerationState.BUILDING)
    BatchJob.objects.update(targets=job.targets | {"other": other.pk})

    def happens() -> None:
        Generation.objects.filter(pk=other.pk).update(state=GenerationState.DROPPED)
        store.drop(other.collection)

    store.when_flushed = happens
    assert look_at(job, store)
    assert states() == ["retired", "live", "dropped"]
