"""What the catalogue says of tracks that were found."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.finding.candidates import read_candidates
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(db: None) -> MadeLibrary:
    return make_library(MemoryStore(), Plan(models=()))


def test_a_candidate_is_what_the_catalogue_says_of_it(made: MadeLibrary) -> None:
    track = made.tracks[5]
    Track.objects.filter(pk=track.pk).update(recording_mbid="abc", genres=["Jazz", "Bop"])
    found = read_candidates([str(track.pk)])[str(track.pk)]
    said = {"title", "artist", "album", "album_artist", "artist_key", "album_key", "path", "year", "duration"}
    assert {name: getattr(found, name) for name in said} == {name: getattr(track, name) for name in said}
    assert (found.id, found.navidrome_id, found.recording_mbid) == (str(track.pk), track.navidrome_id, "abc")
    assert (found.genres, found.name) == (("Jazz", "Bop"), track.name)


def test_they_come_in_the_order_that_was_asked_for(made: MadeLibrary) -> None:
    ids = made.ids(made.tracks)[::-3]
    assert list(read_candidates([*ids, ids[0]])) == ids


def test_lost_tracks_and_what_is_no_track_are_left_out(made: MadeLibrary) -> None:
    gone, there = made.tracks[:2]
    Track.objects.filter(pk=gone.pk).update(missing_since=timezone.now())
    assert list(read_candidates([str(gone.pk), str(uuid.uuid4()), "nonsense", "", str(there.pk)])) == [str(there.pk)]


@pytest.mark.parametrize(("count", "queries"), [(0, 0), (1, 1), (96, 1), (9_000, 1), (25_000, 3)])
def test_many_cost_as_many_queries_as_few(
    made: MadeLibrary, django_assert_num_queries: Any, count: int, queries: int
) -> None:
    ids = made.ids(made.tracks)[:count]
    ids += [str(uuid.UUID(int=number)) for number in range(count - len(ids))]
    with django_assert_num_queries(queries):
        assert len(read_candidates(ids)) == min(count, 96)
