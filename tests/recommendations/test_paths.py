"""Song paths: from one track to another, by small steps, each recording once."""

from collections import Counter
from itertools import pairwise
from pathlib import Path as PathOnDisk
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embeddings.embedders import SPECS
from embeddings.errors import NotFound, Refused
from embeddings.library.navidrome_ids import forms
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.domain import Exclusions, Filter
from recommendations.paths import PathRequest, find_path
from tests.embeddings.library.listeners import make_listeners, mark
from tests.embeddings.library.shelves import make_navidrome
from tests.recommendations.leading import ids, lead
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(db: None, store: MemoryStore) -> MadeLibrary:
    return make_library(store, Plan(models=("acoustic", "latent")))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    ends=st.lists(st.integers(0, 95), min_size=2, max_size=2, unique=True),
    steps=st.integers(2, 12),
    models=st.sampled_from([(), ("acoustic",), ("latent",), ("latent", "acoustic")]),
    per_artist=st.integers(1, 3),
)
def test_every_path_has_its_ends_its_length_and_no_track_twice(
    made: MadeLibrary, store: MemoryStore, ends: list[int], steps: int, models: tuple[str, ...], per_artist: int
) -> None:
    path = lead(made, store, *ends, steps=steps, models=models, per_artist=per_artist)
    found = ids(path)
    assert (found[0], found[-1]) == tuple(made.ids([made.tracks[end] for end in ends]))
    assert len(set(found)) == steps
    inner = Counter(step.candidate.artist for step in path.steps[1:-1])
    assert max(inner.values(), default=0) <= per_artist
    assert all(0 <= step.position <= 1 for step in path.steps)
    assert path.steps[0].similarity is None
    assert all(step.similarity is not None and 0 <= step.similarity <= 1 for step in path.steps[1:])


def test_a_path_between_genres_leaves_the_one_and_enters_the_other_once(made: MadeLibrary, store: MemoryStore) -> None:
    path = lead(made, store, 0, 8, steps=10, per_artist=0)
    genres = [step.candidate.genres[0] for step in path.steps]
    turns = sum(one != other for one, other in pairwise(genres))
    assert (genres[0], genres[-1], turns) == ("Jazz", "Metal", 1)
    assert path.steps[0].position == 0
    assert path.steps[-1].position == 1
    positions = [step.position for step in path.steps]
    assert np.mean(positions[1:5]) < 0.5 < np.mean(positions[5:-1])


def test_small_steps_are_nearer_than_one_large_one(made: MadeLibrary, store: MemoryStore) -> None:
    far = lead(made, store, steps=2).steps[1].similarity
    near = [step.similarity for step in lead(made, store, steps=8).steps[1:]]
    assert far is not None
    assert np.mean([value for value in near if value is not None]) > far + 0.3


def test_the_way_back_is_the_way_there_reversed(made: MadeLibrary, store: MemoryStore) -> None:
    assert ids(lead(made, store, 0, 30, steps=7)) == ids(lead(made, store, 30, 0, steps=7))[::-1]


def test_the_same_question_has_the_same_answer(made: MadeLibrary, store: MemoryStore) -> None:
    assert lead(made, store, steps=9) == lead(made, store, steps=9)


def test_two_steps_are_start_and_end(made: MadeLibrary, store: MemoryStore) -> None:
    assert ids(lead(made, store, steps=2)) == made.ids([made.tracks[0], made.tracks[12]])


def test_ends_are_known_by_any_id(made: MadeLibrary, store: MemoryStore) -> None:
    start, end = made.tracks[0], made.tracks[12]
    request = PathRequest(start=forms(start.navidrome_id)[1], end=end.navidrome_id, steps=2)
    assert ids(find_path(request, store=store)) == made.ids([start, end])


def test_what_is_excluded_or_filtered_out_is_not_in_between(made: MadeLibrary, store: MemoryStore) -> None:
    before = ids(lead(made, store, steps=8))
    exclude = Exclusions(track_ids=before[2:4], artist_keys=[made.tracks[40].artist_key])
    path = lead(made, store, steps=8, exclude=exclude, filter=Filter(years=(1960, 2000), exclude_genres=["opera"]))
    assert not set(before[2:4]) & set(ids(path))
    assert all((step.candidate.year or 0) <= 2000 for step in path.steps)
    assert made.tracks[40].artist_key not in {step.candidate.artist_key for step in path.steps}


def test_what_the_catalogue_says_now_counts(made: MadeLibrary, store: MemoryStore) -> None:
    before = ids(lead(made, store, steps=6))
    Track.objects.filter(pk__in=before[1:-1]).update(genres=["Opera"])
    path = lead(made, store, steps=6, filter=Filter(exclude_genres=["Opera"]))
    assert not set(before[1:-1]) & set(ids(path))


def test_ends_may_be_what_the_filter_lets_not_pass(made: MadeLibrary, store: MemoryStore) -> None:
    path = lead(made, store, 0, 12, steps=4, filter=Filter(genres=["Folk"]))
    assert [step.candidate.genres[0] for step in path.steps] == ["Jazz", "Folk", "Folk", "Metal"]


def test_another_copy_of_a_recording_is_no_step(made: MadeLibrary, store: MemoryStore) -> None:
    before = lead(made, store, steps=6)
    copied, start = before.steps[2].candidate, before.steps[0].candidate
    twin = Track.objects.exclude(pk__in=ids(before)).filter(artist=copied.artist)[0]
    Track.objects.filter(pk=twin.pk).update(title=copied.title, duration=copied.duration)
    again = Track.objects.exclude(pk__in=ids(before)).filter(artist=start.artist)[0]
    Track.objects.filter(pk=again.pk).update(title=f"{start.title} (Official Audio)", duration=start.duration)
    titles = [step.candidate.title for step in lead(made, store, steps=20, per_artist=0).steps]
    assert titles.count(copied.title) <= 1
    assert f"{start.title} (Official Audio)" not in titles


def test_tracks_whose_file_is_gone_are_no_steps(made: MadeLibrary, store: MemoryStore) -> None:
    before = ids(lead(made, store, steps=6))
    Track.objects.filter(pk__in=before[1:-1]).update(missing_since=timezone.now())
    assert not set(before[1:-1]) & set(ids(lead(made, store, steps=6)))


def test_the_settings_cap_gives_way_where_nothing_else_is_left_and_a_requests_own_does_not(
    made: MadeLibrary, store: MemoryStore, settings: Any
) -> None:
    settings.MAX_PER_ARTIST = 2
    artists = [track.artist_key for track in made.tracks if track.artist not in ("Artist 00", "Artist 01")]
    path = lead(made, store, 0, 8, steps=12, exclude=Exclusions(artist_keys=artists))
    assert len(path.steps) == 12
    few = "There is no such path with at most 2 tracks of one artist, both ends among them"
    assert path.warnings == (f"{few}, so there are more of them.",)
    with pytest.raises(Refused, match=f"{few}: allow more, or take fewer steps") as refused:
        lead(made, store, 0, 8, steps=12, per_artist=2, exclude=Exclusions(artist_keys=artists))
    assert refused.value.code == "no_path"


def test_too_few_tracks_are_refused_with_their_number(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(Refused, match="needs 22 tracks between its ends, and there are only 7") as refused:
        lead(made, store, 0, 12, steps=24, filter=Filter(years=(1965, 1970), genres=["Metal"]))
    assert refused.value.code == "no_path"


@pytest.mark.parametrize("steps", [1, 0, -3, 201])
def test_impossible_numbers_of_steps_are_refused(made: MadeLibrary, store: MemoryStore, steps: int) -> None:
    with pytest.raises(Refused, match="between 2 and 200"):
        lead(made, store, steps=steps)


def test_fewer_than_no_tracks_of_one_artist_are_refused(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(Refused, match="0 for any, or more"):
        lead(made, store, per_artist=-1)


def test_from_a_track_to_itself_there_is_no_path(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(Refused, match="these are the same") as refused:
        find_path(PathRequest(start=str(made.tracks[0].pk), end=made.tracks[0].navidrome_id), store=store)
    assert refused.value.code == "same_track"


def test_unknown_and_lost_ends_are_named(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(NotFound, match="There is no track 'nobody'"):
        find_path(PathRequest(start=str(made.tracks[0].pk), end="nobody"), store=store)
    Track.objects.filter(pk=made.tracks[12].pk).update(missing_since=timezone.now())
    with pytest.raises(NotFound, match=r"The file of .* is gone"):
        lead(made, store)


def test_what_a_listener_dislikes_stays_out(
    made: MadeLibrary, store: MemoryStore, settings: Any, tmp_path: PathOnDisk
) -> None:
    inner = [step.candidate for step in lead(made, store, steps=8).steps[1:-1]]
    rated = next(one for one in inner[1:] if one.artist_key != inner[0].artist_key)
    settings.NAVIDROME_DB = str(tmp_path / "navidrome.db")
    make_navidrome(tmp_path / "navidrome.db", "0.64", libraries=[(1, "Music", "/music")])
    make_listeners(tmp_path / "navidrome.db", "0.64", [("u1", "Alice")])
    mark(tmp_path / "navidrome.db", "u1", inner[0].artist_key, item_type="artist", rating=1)
    mark(tmp_path / "navidrome.db", "u1", rated.navidrome_id, rating=2)
    path = lead(made, store, steps=8, user="alice")
    assert rated.id not in ids(path)
    assert inner[0].artist_key not in {step.candidate.artist_key for step in path.steps[1:-1]}
    assert path.warnings == ()


def test_a_long_path_costs_two_questions_per_model_and_few_queries(
    made: MadeLibrary, store: MemoryStore, django_assert_max_num_queries: Any
) -> None:
    lead(made, store, steps=3)
    with django_assert_max_num_queries(16):
        assert len(lead(made, store, steps=60, per_artist=0).steps) == 60
    assert set(SPECS) > {"acoustic", "latent"}
