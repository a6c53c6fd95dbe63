"""What is written, taken out or begun while a collection is copied: nothing of it is lost, or comes back."""

from collections.abc import Callable

import pytest

from embeddings import conf
from embeddings.jobs import control
from embeddings.jobs.following import _remove, follow
from embeddings.models import (
    Generation,
    ResultState,
    Track,
    TrackResult,
    TrackVector,
    Verification,
)
from embeddings.store.base import VectorStore
from embeddings.store.milvus import MilvusStore
from tests.embeddings.jobs.aged import CONFIG, Eventful, bits, make_aged, names, renew
from tests.embeddings.jobs.stored import make_tracks
from tests.embeddings.jobs.test_following import rename
from tests.embeddings.store.rows import random_vectors

pytestmark = pytest.mark.django_db(transaction=True)


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
