"""What must not come, and what is disliked, as a request names it."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.errors import Refused
from embeddings.library.navidrome_ids import forms
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.asking.seeding import gather
from recommendations.domain import Dislikes, Exclusions, Request, Seed, VectorSeed
from recommendations.modes import get_mode
from tests.recommendations.asking.sowing import NOW, ask, seed_lists, seed_of, sown, weights
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(db: None) -> MadeLibrary:
    return make_library(MemoryStore(), Plan(models=()))


def test_names_that_nothing_can_have_are_unknown(made: MadeLibrary) -> None:
    found = ask(Seed(key=""), Seed(key="a\0b"), Seed(key="x" * 5000), Seed(key="\udcff"), *sown(made.tracks[:1]))
    assert len(found.queries) == 1
    assert found.warnings[0].startswith("4 seeds were left out")


@pytest.mark.parametrize("weight", [-1.0, -1e-300, float("nan"), float("inf"), 2e6])
def test_impossible_weights_are_refused(made: MadeLibrary, weight: float) -> None:
    for seed in (Seed(key="1", weight=weight), VectorSeed(vectors={"acoustic": np.ones(320)}, weight=weight)):
        with pytest.raises(Refused, match="A seed's weight is between") as refused:
            ask(seed)
        assert refused.value.code == "bad_seed"


def test_seeds_of_no_kind_and_vectors_of_no_model_are_refused(made: MadeLibrary) -> None:
    with pytest.raises(Refused, match="A seed is one of track, album, artist, playlist"):
        ask(Seed(key="1", kind="song"))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="at least one model"):
        ask(VectorSeed(vectors={}))
    with pytest.raises(Refused, match="has 3 numbers instead of 320"):
        ask(VectorSeed(vectors={"acoustic": [1, 2, 3]}))


def test_given_vectors_are_queries_with_their_numbers(made: MadeLibrary) -> None:
    given_one = np.random.default_rng(1).standard_normal(320)
    found = ask(VectorSeed(vectors={"acoustic": given_one}, label="a hum", weight=0.5), *sown(made.tracks[:2]))
    assert [query.kind for query in found.queries] == ["track", "track", "vector"]
    assert (found.queries[2].label, found.queries[2].weight, found.queries[2].source) == ("a hum", 0.5, "vector")
    np.testing.assert_array_equal(found.given[2]["acoustic"], stored_form(get_spec("acoustic"), [given_one])[0])


def test_everything_that_is_excluded_is_known_by_any_id(made: MadeLibrary) -> None:
    one, other = made.tracks[0], made.tracks[40]
    exclude = Exclusions(
        track_ids=[str(one.pk), other.navidrome_id, "nobody"],
        artist_keys=[forms(other.artist_key)[1], "nobody"],
        album_keys=[one.album_key, "nothing"],
    )
    found = ask(exclude=exclude)
    assert found.excluded == {str(one.pk), str(other.pk)}
    assert found.excluded_artists == {other.artist_key}
    assert found.excluded_albums == {one.album_key}
    assert not found.warnings


def test_one_star_is_a_dislike_and_two_are_a_weaker_one(made: MadeLibrary) -> None:
    ids = made.ids(made.tracks)
    ratings = {made.tracks[0].navidrome_id: 1, ids[1]: 2, ids[2]: 3, ids[3]: 0, ids[4]: 5, "nobody": 1}
    dislikes = Dislikes(track_ids=[ids[5]], ratings=ratings, artist_keys=[made.tracks[9].artist_key, "nobody"])
    found = ask(dislikes=dislikes)
    assert found.disliked == {ids[0]: 1.0, ids[1]: 0.5, ids[5]: 1.0}
    assert found.excluded == {ids[0], ids[5]}
    assert found.disliked_artists == {made.tracks[9].artist_key}


def test_dislikes_that_nothing_has_are_named_and_exclusions_are_not(made: MadeLibrary) -> None:
    names = [f"n{place}" for place in range(6)]
    dislikes = Dislikes(track_ids=["lost"], ratings={"gone": 2, "kept": 5}, artist_keys=names)
    found = ask(dislikes=dislikes, exclude=Exclusions(track_ids=["x"], artist_keys=["y"], album_keys=["z"]))
    assert found.warnings == (
        "The library does not know 2 disliked tracks: gone, lost.",
        "The library does not know 6 disliked artists: n0, n1, n2, n3, n4, and others.",
    )


def test_a_track_that_is_named_is_a_seed_and_no_dislike(made: MadeLibrary) -> None:
    record = made.tracks[:4]
    dislikes = Dislikes(track_ids=made.ids(record[:2]))
    found = ask(Seed(key=str(record[0].pk)), Seed(key=record[0].album_key, kind="album"), dislikes=dislikes)
    assert found.disliked == {str(record[1].pk): 1.0}
    assert set(weights(found)) == {str(record[0].pk), *made.ids(record[2:])}
    assert found.excluded == set(made.ids(record))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_an_impossible_strength_of_dislike_is_refused(made: MadeLibrary, strength: float) -> None:
    with pytest.raises(Refused, match="dislike strength is between 0 and 1"):
        ask(dislikes=Dislikes(strength=strength))


def test_without_navidrome_playlists_are_refused_and_nobody_knows_the_listener(made: MadeLibrary) -> None:
    for request in ({"seeds": [Seed(key="1", kind="playlist")]}, {"exclude": Exclusions(playlist_ids=["1"])}):
        with pytest.raises(Refused, match="set NAVIDROME_DB") as refused:
            gather(Request(**request), get_mode("custom", {}), now=NOW)
        assert refused.value.code == "no_playlists"
    assert ask(user="alice").heard is None
    assert ask(user="alice").warnings == ("Without Navidrome's database nobody knows what alice has heard.",)


def test_six_hundred_seeds_cost_a_handful_of_queries(made: MadeLibrary, django_assert_max_num_queries: Any) -> None:
    more = Track.objects.bulk_create(
        Track(library=made.library, path=f"more/{number}", signature="1", navidrome_id=f"more{number}")
        for number in range(600)
    )
    seeds = [Seed(key=track.navidrome_id if number % 2 else str(track.pk)) for number, track in enumerate(more)]
    seeds += [Seed(key=track.album_key, kind="album") for track in made.tracks]
    seeds += [Seed(key=track.artist_key, kind="artist") for track in made.tracks]
    with django_assert_max_num_queries(6):
        found = ask(*seeds, Seed(key="nobody"))
    assert len(found.queries) == 696


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(drawn=seed_lists, shuffler=st.randoms(use_true_random=False))
def test_the_order_of_seeds_changes_nothing(
    made: MadeLibrary, drawn: list[tuple[str, int, float, str, int]], shuffler: random.Random
) -> None:
    seeds = [seed_of(made, *one) for one in drawn]
    before = ask(*seeds, mode="recent")
    shuffler.shuffle(seeds)
    after = ask(*seeds, mode="recent")
    assert after.queries == before.queries
    assert (after.excluded, after.excluded_artists, after.warnings) == (
        before.excluded,
        before.excluded_artists,
        before.warnings,
    )
    for place, vectors in before.given.items():
        assert vectors.keys() == after.given[place].keys()
        assert all(np.array_equal(vectors[key], after.given[place][key]) for key in vectors)
