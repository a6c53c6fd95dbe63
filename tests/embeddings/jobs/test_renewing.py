"""What an earlier version made is copied into collections with all labels; nothing is lost, broken off anywhere."""

import pytest

from embeddings.domain import SearchFilter
from embeddings.errors import BackendUnavailable
from embeddings.jobs import tasks
from embeddings.jobs.generations import drop_rest, prepare
from embeddings.jobs.migration import find_generation
from embeddings.models import (
    AuditEntry,
    Generation,
    GenerationState,
    Track,
)
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.aged import SPEC, Eventful, bits, describe, make_aged, names, renew
from tests.embeddings.jobs.stored import WIDTH, make_tracks
from tests.embeddings.store.contract_base import soon
from tests.embeddings.store.rows import random_vectors

pytestmark = pytest.mark.django_db(transaction=True)


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
