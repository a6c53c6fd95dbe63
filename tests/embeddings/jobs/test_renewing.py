"""What an earlier version made is copied into collections with all labels; nothing is lost, broken off anywhere."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from embeddings import conf
from embeddings.conf import KeepingConfig
from embeddings.domain import SearchFilter, VectorRow
from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable
from embeddings.jobs import control, tasks
from embeddings.jobs.following import _remove, follow
from embeddings.jobs.generations import drop_rest, prepare
from embeddings.jobs.migration import find_generation
from embeddings.jobs.renewing import renew_old
from embeddings.models import (
    AuditEntry,
    Generation,
    GenerationState,
    ResultState,
    Track,
    TrackResult,
    TrackVector,
    Verification,
)
from embeddings.store.base import VectorStore
from embeddings.store.milvus import MilvusStore
from tests.embeddings.jobs.stored import WIDTH, make_tracks, store_vectors
from tests.embeddings.jobs.test_following import rename
from tests.embeddings.store.contract_base import soon
from tests.embeddings.store.old_schema import make_old
from tests.embeddings.store.rows import random_vectors

pytestmark = pytest.mark.django_db(transaction=True)
CONFIG = KeepingConfig(schedule="", gone_days=30, poll_seconds=0)
SPEC = get_spec("acoustic")


class Eventful(MilvusStore):
    """A real store; something happens at the moment before it does one of its things."""

    def __init__(self) -> None:
        super().__init__(conf.store())
        self.written = 0
        self.before: dict[str, Callable[[], object]] = {}

    def _happen(self, what: str) -> None:
        self.before.pop(what, lambda: None)()

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write, and count what was written."""
        super().upsert(collection, rows)
        self.written += len(rows)

    def flush(self, collection: str) -> None:
        """Flush."""
        self._happen("flush")
        super().flush(collection)

    def rename(self, collection: str, name: str) -> None:
        """Rename."""
        self._happen("rename")
        super().rename(collection, name)

    def drop(self, collection: str) -> None:
        """Drop."""
        self._happen("drop")
        super().drop(collection)


@pytest.fixture
def eventful(store: VectorStore) -> Eventful:
    return Eventful()


def make_aged(store: VectorStore, tracks: Sequence[Track], **options: Any) -> Generation:
    """A generation as version 0.3 left it."""
    generation = store_vectors(store, tracks, **options)
    rows = [row for page in store.rows(generation.collection) for row in page]
    store.drop(generation.collection)
    uri = conf.store().uri
    make_old(uri, generation.collection, WIDTH, joint_dimension=generation.joint_dimension)
    store.upsert(generation.collection, rows)
    if generation.state == GenerationState.LIVE:
        store.point_alias(SPEC.alias, generation.collection)
    return generation


def describe(tracks: Sequence[Track]) -> None:
    for number, track in enumerate(tracks):
        Track.objects.filter(pk=track.pk).update(
            year=1990 + number, duration=100.5 + number, genres=["Jazz", str(number)]
        )


def renew(store: VectorStore, *, after: int = 10**9) -> None:
    """Look once; told to stop after so many pages."""
    asked = iter(range(10**9))
    renew_old(store, should_stop=lambda: next(asked) > after, report=lambda _: None)


def bits(store: VectorStore, generation: Generation) -> dict[str, tuple[bytes, bytes]]:
    rows = [row for page in store.rows(generation.collection) for row in page]
    return {row.id: (row.embedding.tobytes(), b"" if row.joint is None else row.joint.tobytes()) for row in rows}


def names(store: VectorStore, generation: Generation) -> list[str]:
    return [name for name in store.collections() if name.startswith(generation.name)]


@pytest.mark.parametrize("joint", [False, True])
def test_every_vector_comes_along_and_labels_come_from_the_catalogue(store: VectorStore, joint: bool) -> None:
    tracks = make_tracks(5)
    describe(tracks)
    generation = make_aged(store, tracks, joint=joint)
    Track.objects.filter(pk=tracks[4].pk).update(missing_since="2026-01-01T00:00Z")
    before, rows = bits(store, generation), list(generation.vectors.values_list("pk", "signature"))
    renew(store)
    generation.refresh_from_db()
    assert bits(store, generation) == before
    assert list(generation.vectors.values_list("pk", "signature")) == rows
    labels = store.labels(generation.collection, [str(tracks[4].pk)])[str(tracks[4].pk)]
    assert (labels.year, labels.seconds, labels.genres, labels.missing) == (1994, 104.5, ("jazz", "4"), True)
    assert (labels.offset, labels.model_id) == (1.5, generation.model_id)


def test_it_takes_the_place_of_the_old_one(store: VectorStore) -> None:
    tracks = make_tracks(5)
    describe(tracks)
    generation = make_aged(store, tracks)
    old = generation.collection
    renew(store)
    generation.refresh_from_db()
    assert names(store, generation) == [generation.collection]
    assert store.alias_target(SPEC.alias) == generation.collection != old
    assert (generation.state, find_generation(old)) == (GenerationState.LIVE, generation)
    assert AuditEntry.objects.get().details == {"from": old, "to": generation.collection, "rows": 5}
    vector = random_vectors(1, dimension=WIDTH)[0]
    assert soon(store, generation.collection, vector, {str(track.pk) for track in tracks}, limit=9)
    hits = store.search(
        generation.collection, vector[None], limit=9, where=SearchFilter(genres=["jazz"], years=(1993, 1993))
    )
    assert [hit.id for hit in hits[0]] == [str(tracks[3].pk)]


def test_what_is_renewed_is_left_alone(eventful: Eventful) -> None:
    make_aged(eventful, make_tracks(2))
    renew(eventful)
    eventful.written = 0
    renew(eventful)
    assert (eventful.written, AuditEntry.objects.count()) == (0, 1)


def test_what_was_broken_off_goes_on_where_it_was(eventful: Eventful) -> None:
    generation = make_aged(eventful, make_tracks(450))
    before = bits(eventful, generation)
    eventful.written = 0
    renew(eventful, after=2)
    generation.refresh_from_db()
    assert (generation.collection, eventful.written) == (generation.name, 400)
    renew(eventful)
    generation.refresh_from_db()
    assert (bits(eventful, generation), eventful.written) == (before, 450)


def test_rows_that_changed_between_two_looks_are_copied_again(store: VectorStore) -> None:
    tracks = make_tracks(450)
    generation = make_aged(store, tracks)
    renew(store, after=2)
    gone, other = str(tracks[0].pk), str(tracks[1].pk)
    store.delete(generation.collection, [gone])
    generation.vectors.filter(track=tracks[0]).delete()
    row = store.labels(generation.collection, [other])[other].row(other, random_vectors(1, seed=77)[0])
    store.upsert(generation.collection, [row])
    before = bits(store, generation)
    renew(store)
    generation.refresh_from_db()
    assert bits(store, generation) == before


@pytest.mark.parametrize("moment", ["rename", "drop"])
def test_a_crash_after_it_took_its_place_is_made_good(eventful: Eventful, moment: str) -> None:
    def crash() -> None:
        raise BackendUnavailable("The plug was pulled.")

    generation = make_aged(eventful, make_tracks(5))
    before = bits(eventful, generation)
    eventful.before[moment] = crash
    with pytest.raises(BackendUnavailable):
        renew(eventful)
    generation.refresh_from_db()
    assert (bits(eventful, generation), len(names(eventful, generation))) == (before, 2)
    renew(eventful)
    assert names(eventful, generation) == [generation.collection]
    assert eventful.alias_target(SPEC.alias) == generation.collection


def add_late(store: VectorStore, generation: Generation) -> str:
    """Write and record one more vector, where the generation was when this began."""
    track = make_tracks(1, folder="/more")[0]
    labels = track.labels(offset=0.0, model_id=generation.model_id)
    store.upsert(generation.collection, [labels.row(str(track.pk), random_vectors(1, seed=9)[0])])
    TrackVector.objects.record([TrackVector(generation=generation, track=track, signature=track.signature)])
    return str(track.pk)


def test_what_is_written_before_it_takes_its_place_puts_that_off(eventful: Eventful) -> None:
    generation = make_aged(eventful, make_tracks(3))
    eventful.before["flush"] = lambda: add_late(eventful, generation)
    renew(eventful)
    generation.refresh_from_db()
    assert generation.collection == generation.name
    before = bits(eventful, generation)
    renew(eventful)
    generation.refresh_from_db()
    assert len(before) == 4
    assert bits(eventful, generation) == before


def test_what_is_written_after_it_took_its_place_is_kept(eventful: Eventful) -> None:
    old = make_aged(eventful, make_tracks(3))
    late: list[str] = []
    eventful.before["rename"] = lambda: late.append(add_late(eventful, old))
    renew(eventful)
    now = Generation.objects.get()
    assert names(eventful, now) == [now.collection]
    assert eventful.fetch(now.collection, late).keys() == set(late)
    assert eventful.count(now.collection) == now.vectors.count() == 4


def test_labels_that_followed_the_catalogue_meanwhile_follow_it_again(eventful: Eventful) -> None:
    tracks = make_tracks(3)
    generation = make_aged(eventful, tracks)

    def retag() -> None:
        rename(tracks[1], artist="Another", year=2001)
        assert follow(eventful, CONFIG).refreshed == 1

    eventful.before["flush"] = retag
    renew(eventful)
    assert follow(eventful, CONFIG).refreshed == 1
    generation.refresh_from_db()
    key = str(tracks[1].pk)
    labels = eventful.labels(generation.collection, [key])[key]
    assert (labels.name, labels.year) == ("Another - 1", 2001)


def long_gone(track: Track) -> Callable[[MilvusStore], object]:
    """A look that takes the track out for good."""
    Track.objects.filter(pk=track.pk).update(missing_since="2026-01-01T00:00Z")
    return lambda store: follow(store, CONFIG)


def read_before(track: Track) -> Callable[[MilvusStore], object]:
    """The same by somebody who read the generation's row before it changed."""
    rows = list(TrackVector.objects.filter(track=track).select_related("track", "generation"))
    return lambda store: _remove(store, rows)


def unseen(track: Track) -> Callable[[MilvusStore], object]:
    """The same after the two were compared, and before the copy took its place."""
    vector = TrackVector.objects.select_related("generation").get(track=track)

    def take_out(store: MilvusStore) -> None:
        store.delete(vector.generation.name, [str(track.pk)])
        vector.delete()

    return take_out


@pytest.mark.parametrize(("moment", "look"), [("flush", long_gone), ("rename", read_before), ("rename", unseen)])
def test_what_is_taken_out_meanwhile_does_not_come_back(
    eventful: Eventful, moment: str, look: Callable[[Track], Callable[[MilvusStore], object]]
) -> None:
    tracks = make_tracks(3)
    generation = make_aged(eventful, tracks)
    out = look(tracks[0])
    eventful.before[moment] = lambda: out(MilvusStore(conf.store()))
    renew(eventful)
    generation.refresh_from_db()
    assert bits(eventful, generation).keys() == {str(track.pk) for track in tracks[1:]}
    assert names(eventful, generation) == [generation.name + "_labelled"]


def test_what_a_job_has_stored_and_not_recorded_yet_stays(eventful: Eventful, queue: None) -> None:
    generation = make_aged(eventful, make_tracks(3))
    late = make_tracks(1, folder="/more")[0]

    def store_one() -> None:
        now = Generation.objects.get()
        job = control.start_job(models=["acoustic"])
        TrackResult.objects.create(job=job, track=late, model="acoustic", generation=now, state=ResultState.RUNNING)
        row = late.labels(offset=0.0, model_id=now.model_id).row(str(late.pk), random_vectors(1, seed=9)[0])
        eventful.upsert(now.collection, [row])

    eventful.before["rename"] = store_one
    renew(eventful)
    generation.refresh_from_db()
    assert str(late.pk) in bits(eventful, generation)


def test_jobs_go_first(store: VectorStore, queue: None) -> None:
    generation = make_aged(store, make_tracks(3))
    control.start_job(models=["acoustic"])
    renew(store)
    assert names(store, generation) == [generation.collection]


def test_a_job_that_begins_meanwhile_keeps_its_collection(eventful: Eventful, queue: None) -> None:
    generation = make_aged(eventful, make_tracks(3))
    eventful.before["flush"] = lambda: control.start_job(models=["acoustic"])
    renew(eventful)
    generation.refresh_from_db()
    assert generation.collection == generation.name


def test_what_is_examined_stays_where_it_is(eventful: Eventful) -> None:
    generation = make_aged(eventful, make_tracks(3))
    Verification.objects.create(generation=generation)
    renew(eventful)
    generation.refresh_from_db()
    assert generation.collection == generation.name


def test_two_workers_do_not_copy_the_same(eventful: Eventful) -> None:
    generation = make_aged(eventful, make_tracks(3))
    token = Generation.objects.claim_renewal(generation.pk, 60)
    eventful.written = 0
    renew(eventful)
    assert (bool(token), eventful.written) == (True, 0)
    Generation.objects.update(renewal_until="2026-01-01T00:00Z")
    renew(eventful)
    assert not Generation.objects.keep_renewal(generation.pk, token, 60)
    assert eventful.written == 3


def test_a_retired_generation_is_renewed_when_it_is_live_again(store: VectorStore) -> None:
    generation = make_aged(store, make_tracks(2), state=GenerationState.RETIRED)
    renew(store)
    assert names(store, generation) == [generation.collection]
    Generation.objects.update(state=GenerationState.LIVE)
    renew(store)
    generation.refresh_from_db()
    assert names(store, generation) == [generation.name + "_labelled"]


def test_whoever_read_the_row_before_forgets_nothing(store: VectorStore) -> None:
    stale = make_aged(store, make_tracks(3))
    renew(store)
    prepare(SPEC, stale, store)
    assert (stale.vectors.count(), store.count(stale.collection)) == (3, 3)
    assert names(store, stale) == [stale.collection]


def test_what_is_left_of_a_copy_goes_with_its_generation(store: VectorStore) -> None:
    generation = make_aged(store, make_tracks(450), state=GenerationState.BUILDING)
    renew(store, after=2)
    assert len(names(store, generation)) == 2
    drop_rest(generation, store)
    assert names(store, generation) == []


def test_an_idle_worker_does_it_by_itself(store: VectorStore, queue: None) -> None:
    generation = make_aged(store, make_tracks(3))
    tasks.sweep()
    generation.refresh_from_db()
    assert names(store, generation) == [generation.name + "_labelled"]
