"""A worker that lost its rows while it was stopped, or its clock was set, writes over nobody."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from embeddings.domain import Embedding, VectorRow
from embeddings.embedders import get_spec
from embeddings.errors import AudioEmpty
from embeddings.jobs.pipeline import Embedded, Unembeddable
from embeddings.jobs.recording import Recorder
from embeddings.jobs.writer import Writer
from embeddings.models import Generation, Lease, ResultState, Track, TrackFailure, TrackResult, TrackVector, is_current
from embeddings.store.memory import MemoryStore
from tests.embeddings.models.rows import lease, running_job

pytestmark = pytest.mark.django_db
SPEC = get_spec("acoustic")
OURS, THEIRS = 0, 1
"""Where the one element that is not 0 stands, of what this worker and the other computed."""


class Eventful(MemoryStore):
    """A store in which something happens between the first vectors and their rows."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Callable[[], object]] = []

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        super().upsert(collection, rows)
        while self.events:
            self.events.pop()()


class Scene:
    """One operation that a worker holds, and a store."""

    def __init__(self) -> None:
        self.job = running_job(1)
        self.generation = Generation.objects.get()
        self.store = Eventful()
        self.store.create(self.generation.collection, SPEC.dimension)
        self.lease = lease(self.job)
        (self.row,) = self.claim(self.lease)

    def claim(self, held: Lease) -> list[TrackResult]:
        return TrackResult.objects.claim(held, model=SPEC.key, limit=1)

    def embed(self, held: Lease, row: TrackResult, element: int) -> Writer:
        """Store a vector and mark its row, as a worker does at the end of a track."""
        vector = np.zeros(SPEC.dimension, np.float32)
        vector[element] = 1.0
        outcome = Embedded(
            track_id=str(row.track_id),
            embedding=Embedding(vector=vector),
            offset=0.0,
            audio_seconds=9.0,
            seconds=1.0,
            warning="",
        )
        writer = Writer(held, self.store, Recorder(held, 64))
        writer.add(row, outcome)
        writer.flush()
        return writer

    def finish(self) -> Writer:
        """What this worker does when it wakes up."""
        return self.embed(self.lease, self.row, OURS)

    def overslept(self) -> None:
        TrackResult.objects.update(lease_expires="2020-01-01T00:00Z")

    def taken_over(self, signature: str = "1-1") -> None:
        """Another worker claims it, maybe after the file changed, and is done."""
        self.overslept()
        Track.objects.update(signature=signature)
        other = lease(self.job, worker="b")
        (row,) = self.claim(other)
        self.embed(other, row, THEIRS)

    def stored(self) -> list[int]:
        """Whose vectors the store holds."""
        ids = [str(pk) for pk in Track.objects.values_list("pk", flat=True)]
        return [int(vector.argmax()) for vector in self.store.fetch(self.generation.collection, ids).values()]

    def is_current(self) -> bool:
        return Track.objects.filter(is_current(self.generation)).exists()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_worker_that_overslept_does_not_write_over_the_winner(scene: Scene) -> None:
    scene.taken_over()
    assert scene.finish().settled == 0
    assert (scene.stored(), scene.is_current()) == ([THEIRS], True)
    assert TrackResult.objects.get().worker == "b"


def test_nor_while_the_winner_is_still_at_work(scene: Scene) -> None:
    scene.overslept()
    scene.claim(lease(scene.job, worker="b"))
    assert scene.finish().settled == 0
    assert scene.stored() == []
    assert TrackResult.objects.get().state == ResultState.RUNNING


def test_a_worker_that_overslept_and_that_nobody_missed_goes_on(scene: Scene) -> None:
    scene.overslept()
    assert scene.finish().stored == 1
    assert (scene.stored(), TrackResult.objects.get().state) == ([OURS], ResultState.DONE)


def test_a_failure_of_a_worker_that_overslept_counts_for_nothing(scene: Scene) -> None:
    scene.taken_over()
    writer = Writer(scene.lease, scene.store, Recorder(scene.lease, 64))
    writer.add(scene.row, Unembeddable(track_id=str(scene.row.track_id), error=AudioEmpty("No."), seconds=1.0))
    writer.flush()
    assert (writer.settled, TrackFailure.objects.count()) == (0, 0)
    assert TrackResult.objects.get().state == ResultState.DONE


def test_what_is_lost_between_vector_and_row_is_the_same_vector_when_the_file_is_the_same(scene: Scene) -> None:
    scene.store.events.append(scene.taken_over)
    assert scene.finish().settled == 0
    assert scene.store.count(scene.generation.collection) == 1
    assert scene.is_current()


def test_a_vector_of_a_file_that_changed_meanwhile_is_made_again(scene: Scene) -> None:
    scene.store.events.append(lambda: scene.taken_over(signature="2-2"))
    scene.finish()
    assert scene.store.count(scene.generation.collection) == TrackVector.objects.count() == 1
    assert not scene.is_current()


def test_a_vector_that_nobody_wants_any_more_is_taken_out_again(scene: Scene) -> None:
    def cancelled() -> None:
        scene.overslept()
        TrackResult.objects.cancel_pending(scene.job.pk)

    scene.store.events.append(cancelled)
    scene.finish()
    assert (scene.stored(), TrackVector.objects.count()) == ([], 0)


def test_a_vector_that_another_will_write_over_stays(scene: Scene) -> None:
    def claimed() -> None:
        scene.overslept()
        scene.claim(lease(scene.job, worker="b"))

    scene.store.events.append(claimed)
    scene.finish()
    assert scene.stored() == [OURS]
    assert not TrackVector.objects.exists()
