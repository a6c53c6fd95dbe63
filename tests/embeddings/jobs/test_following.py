"""Vectors follow the catalogue: what lies beside them changes, the gone go, in proportion to what changed."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from embeddings import conf
from embeddings.conf import KeepingConfig, StoreConfig
from embeddings.domain import VectorRow
from embeddings.jobs.following import Followed, follow
from embeddings.models import AuditEntry, Generation, GenerationState, Track, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from embeddings.store.milvus import MilvusStore
from tests.embeddings.jobs.stored import DAY, lose, make_tracks, store_vectors
from tests.services import free_port

pytestmark = pytest.mark.django_db
CONFIG = KeepingConfig(schedule="", gone_days=30, poll_seconds=0)
AT_ONCE = KeepingConfig(schedule="", gone_days=0, poll_seconds=0)


def rename(track: Track, **values: Any) -> str:
    """Change what the catalogue says of a track, now; its id in the store."""
    Track.objects.filter(pk=track.pk).update(changed_at=timezone.now(), **values)
    return str(track.pk)


def held(generation: Generation) -> set[str]:
    """Tracks whose vectors the rows know of."""
    return {str(pk) for pk in generation.vectors.values_list("track", flat=True)}


def test_other_tags_come_to_lie_beside_the_same_vector(store: VectorStore) -> None:
    tracks = make_tracks(3)
    generation = store_vectors(store, tracks)
    key = rename(tracks[1], artist="Another", artist_key="b", album_key="c")
    before = store.fetch(generation.collection, [key])[key]
    assert follow(store, CONFIG).refreshed == 1
    labels = store.labels(generation.collection, [key])[key]
    assert (labels.name, labels.artist_key, labels.album_key) == ("Another - 1", "b", "c")
    assert (labels.offset, labels.model_id) == (1.5, generation.model_id)
    np.testing.assert_array_equal(store.fetch(generation.collection, [key])[key], before)
    assert store.count(generation.collection) == 3


def test_searches_filter_by_what_the_catalogue_says_now(store: VectorStore) -> None:
    tracks = make_tracks(2)
    generation = store_vectors(store, tracks)
    key = rename(tracks[1], year=1999, duration=213.373, genres=["Jazz", "Bebop"])
    assert follow(store, CONFIG).refreshed == 1
    labels = store.labels(generation.collection, [key])[key]
    assert (labels.year, labels.seconds, labels.genres, labels.missing) == (1999, 213.373, ("jazz", "bebop"), False)
    rename(tracks[1])
    assert follow(store, CONFIG).refreshed == 0


def test_a_vector_says_that_its_file_is_gone_and_that_it_is_back(store: VectorStore) -> None:
    tracks = make_tracks(2)
    generation = store_vectors(store, tracks)
    key = rename(tracks[0], missing_since=timezone.now())
    assert follow(store, CONFIG).refreshed == 1
    assert store.labels(generation.collection, [key])[key].missing
    rename(tracks[0], missing_since=None)
    assert follow(store, CONFIG).refreshed == 1
    assert not store.labels(generation.collection, [key])[key].missing


def test_what_is_taken_out_is_not_written_first(store: VectorStore) -> None:
    tracks = make_tracks(2)
    store_vectors(store, tracks)
    rename(tracks[0], missing_since=timezone.now() - 31 * DAY)
    assert follow(store, CONFIG) == Followed(refreshed=0, removed=1, complete=True)


def test_a_second_vector_is_kept_beside_new_labels(store: VectorStore) -> None:
    tracks = make_tracks(2)
    generation = store_vectors(store, tracks, joint=True)
    key = rename(tracks[0], artist="Another")
    before = store.fetch(generation.collection, [key], field="joint")[key]
    follow(store, CONFIG)
    np.testing.assert_array_equal(store.fetch(generation.collection, [key], field="joint")[key], before)
    assert store.labels(generation.collection, [key])[key].name == "Another - 0"


def test_what_was_brought_up_to_date_is_not_looked_at_again(store: VectorStore) -> None:
    tracks = make_tracks(2)
    store_vectors(store, tracks)
    rename(tracks[0], artist="Another")
    follow(store, CONFIG)
    assert follow(away(), CONFIG).refreshed == 0


def test_a_track_that_was_away_and_is_as_before_is_not_written(store: VectorStore) -> None:
    tracks = make_tracks(2)
    generation = store_vectors(store, tracks)
    rename(tracks[0])
    assert follow(store, CONFIG).refreshed == 0
    assert generation.vectors.get(track=tracks[0]).stored_at > timezone.now() - DAY / 2


def test_another_file_is_left_to_a_job() -> None:
    tracks = make_tracks(2)
    generation = store_vectors(MemoryStore(), tracks)
    rename(tracks[0], artist="Another", signature="2-2")
    assert follow(away(), CONFIG).refreshed == 0
    assert generation.vectors.get(track=tracks[0]).signature == "1-1"


def test_a_retired_generation_catches_up_when_it_is_live_again() -> None:
    store, tracks = MemoryStore(), make_tracks(1)
    generation = store_vectors(store, tracks, state=GenerationState.RETIRED)
    key = rename(tracks[0], artist="Another")
    assert follow(store, CONFIG).refreshed == 0
    Generation.objects.update(state=GenerationState.LIVE)
    assert follow(store, CONFIG).refreshed == 1
    assert store.labels(generation.collection, [key])[key].name == "Another - 0"


def test_a_vector_that_the_store_lost_is_due_again() -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    generation = store_vectors(store, tracks)
    key = rename(tracks[0], artist="Another")
    store.delete(generation.collection, [key])
    follow(store, CONFIG)
    assert held(generation) == {str(tracks[1].pk)}


class Racing(MemoryStore):
    """A job stores a track's new vector at the moment at which its old one is written with new labels."""

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        super().upsert(collection, rows)
        TrackVector.objects.filter(track__in=[row.id for row in rows]).update(signature="2-2")


def test_a_vector_that_was_replaced_meanwhile_is_made_again() -> None:
    store, tracks = Racing(), make_tracks(2)
    generation = store_vectors(store, tracks)
    TrackVector.objects.update(signature="1-1")
    rename(tracks[0], artist="Another")
    follow(store, CONFIG)
    assert held(generation) == {str(tracks[1].pk)}


def test_the_long_gone_are_taken_out_of_every_generation(store: VectorStore) -> None:
    tracks = make_tracks(4)
    old = store_vectors(store, tracks, state=GenerationState.RETIRED)
    live = store_vectors(store, tracks)
    lose(tracks[:1], days=31)
    lose(tracks[1:2], days=29)
    assert follow(store, CONFIG).removed == 2
    stays = {str(track.pk) for track in tracks[1:]}
    for generation in (old, live):
        assert held(generation) == stays
        assert {key for page in store.ids(generation.collection) for key in page} == stays


def test_with_no_days_the_gone_go_at_once() -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    generation = store_vectors(store, tracks)
    lose(tracks[:1], days=0)
    assert follow(store, AT_ONCE).removed == 1
    assert store.count(generation.collection) == 1


@pytest.mark.parametrize("days", [999_999.0, math.inf, math.nan])
def test_more_days_than_there_are_is_never(settings: Any, days: float) -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    store_vectors(store, tracks)
    lose(tracks[:1], days=4000)
    settings.GONE_DAYS = days
    assert follow(store, conf.keeping()).removed == 0


def test_a_library_that_is_gone_as_a_whole_keeps_its_vectors() -> None:
    store, here, there = MemoryStore(), make_tracks(2), make_tracks(2, folder="/usb")
    generation = store_vectors(store, [*here, *there])
    lose(there, days=400)
    lose(here[:1], days=400)
    assert follow(store, AT_ONCE).removed == 1
    assert held(generation) == {str(track.pk) for track in (here[1], *there)}


def test_dropped_generations_are_left_alone() -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    generation = store_vectors(store, tracks)
    store.drop(generation.collection)
    Generation.objects.update(state=GenerationState.DROPPED)
    lose(tracks[:1], days=400)
    assert follow(store, CONFIG).removed == 0


def test_rows_of_a_collection_that_the_store_lost_go_too() -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    generation = store_vectors(store, tracks)
    store.drop(generation.collection)
    lose(tracks[:1], days=400)
    assert follow(store, CONFIG).removed == 1


def test_what_was_broken_off_is_done_the_next_time() -> None:
    store, tracks = MemoryStore(), make_tracks(2)
    generation = store_vectors(store, tracks)
    rename(tracks[0], artist="Another")
    assert not follow(store, CONFIG, should_stop=lambda: True).complete
    assert follow(store, CONFIG).refreshed == 1
    assert generation.vectors.count() == 2


def test_what_was_done_is_kept() -> None:
    store, tracks = MemoryStore(), make_tracks(3)
    store_vectors(store, tracks)
    rename(tracks[0], artist="Another")
    lose(tracks[1:2], days=400)
    follow(store, CONFIG)
    assert AuditEntry.objects.get().details == {"refreshed": 1, "removed": 1}


def test_where_nothing_changed_nobody_is_asked_and_nothing_is_written() -> None:
    store_vectors(MemoryStore(), make_tracks(3))
    with CaptureQueriesContext(connection) as queries:
        follow(away(), CONFIG)
    assert len(queries) == 2
    assert not AuditEntry.objects.exists()


def away() -> MilvusStore:
    """A store that cannot be reached, and has not been asked yet."""
    return MilvusStore(StoreConfig(uri=f"http://127.0.0.1:{free_port()}", token="", timeout_seconds=1))
