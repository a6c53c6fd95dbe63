"""A radio that goes on: nothing twice within its window, artists apart, near its seeds for good."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embeddings.errors import BackendUnavailable, Refused
from embeddings.library.navidrome_ids import forms
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.domain import Dislikes, Exclusions, Filter, Prompt, Request, Seed, Variety
from recommendations.engine import recommend
from recommendations.prompt_templates import sentences
from recommendations.radio import APART, DRIFT, MOST_PLAYED, continue_radio
from recommendations.results import Answer
from tests.recommendations.library import MadeLibrary, Plan, make_library
from tests.recommendations.remembered import remember

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(db: None, store: MemoryStore) -> MadeLibrary:
    return make_library(store, Plan(models=("acoustic",)))


def begun(made: MadeLibrary, *places: int, **said: Any) -> Request:
    seeds = [Seed(key=str(made.tracks[place].pk)) for place in places or (0,)]
    usual: dict[str, Any] = {"limit": 5, "variety": Variety(per_artist=0, per_album=0)}
    return Request(seeds=seeds, **usual | said)


def ids(answer: Answer) -> list[str]:
    return [track.candidate.id for track in answer.tracks]


def play(made: MadeLibrary, store: MemoryStore, request: Request, *, times: int, window: int) -> list[str]:
    """Go on as often as asked, all of each answer played."""
    played: list[str] = []
    for _ in range(times):
        played += ids(continue_radio(request, played, store=store, window=window, now=NOW))
    return played


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(limit=st.integers(1, 7), window=st.integers(3, 40), seed=st.integers(0, 95))
def test_nothing_comes_twice_within_the_window(
    made: MadeLibrary, store: MemoryStore, limit: int, window: int, seed: int
) -> None:
    played = play(made, store, begun(made, seed, limit=limit), times=4, window=window)
    assert len(played) == 4 * limit
    assert str(made.tracks[seed].pk) not in played
    for place, track in enumerate(played):
        # What is in the same answer was not played yet, and an answer never repeats a track.
        assert track not in played[max(0, place // limit * limit - window) : place]


def test_nor_does_another_copy_of_a_recording(made: MadeLibrary, store: MemoryStore) -> None:
    first, *_, last = continue_radio(begun(made), [], store=store, now=NOW).tracks
    Track.objects.filter(pk=last.candidate.id).update(
        title=f"{first.candidate.title} (Remastered)", artist=first.candidate.artist, duration=first.candidate.duration
    )
    played = [first.candidate.id, *made.ids(made.tracks[-4:])]
    assert last.candidate.id in ids(continue_radio(begun(made), played, store=store, now=NOW))
    Track.objects.filter(pk=last.candidate.id).update(title=f"{first.candidate.title} (Album Version)")
    assert last.candidate.id not in ids(continue_radio(begun(made), played, store=store, now=NOW))


def test_where_copies_are_wanted_a_track_itself_comes_once(made: MadeLibrary, store: MemoryStore) -> None:
    request = begun(made, variety=Variety(per_artist=0, per_album=0, versions=True))
    played = play(made, store, request, times=4, window=200)
    assert len(set(played)) == len(played) == 20


def test_artists_are_kept_apart_through_answers(made: MadeLibrary, store: MemoryStore) -> None:
    played = play(made, store, begun(made), times=4, window=200)
    names = dict(Track.objects.values_list("pk", "artist"))
    artists = [next(name for key, name in names.items() if str(key) == track) for track in played]
    assert all(artist not in artists[max(0, place - APART) : place] for place, artist in enumerate(artists))


def test_of_one_artist_alone_more_may_follow_each_other(made: MadeLibrary, store: MemoryStore) -> None:
    theirs = [str(track.pk) for track in made.tracks[:8]]
    answer = continue_radio(begun(made, filter=Filter(years=(1960, 1962))), [], store=store, now=NOW)
    assert set(ids(answer)) < set(theirs)
    assert len(answer.tracks) == 5


def test_what_was_played_pulls_a_little(made: MadeLibrary, store: MemoryStore) -> None:
    metal = made.ids(made.of_genre("Metal")[:1])
    alone = continue_radio(begun(made, limit=20), [], store=store, now=NOW)
    after = continue_radio(begun(made, limit=20), metal, store=store, now=NOW)
    assert sum("Jazz" in track.candidate.genres for track in after.tracks) >= 10
    assert sum("Metal" in track.candidate.genres for track in after.tracks) >= sum(
        "Metal" in track.candidate.genres for track in alone.tracks
    )
    shares = {share.track_id: share for track in after.tracks for share in track.explanation.queries}
    assert shares[metal[0]].source == "played"


def test_however_far_it_got_its_seeds_pull_it_back(made: MadeLibrary, store: MemoryStore) -> None:
    far = made.ids(made.of_genre("Ambient"))
    answer = continue_radio(begun(made), far, store=store, now=NOW)
    assert answer.tracks[0].candidate.genres == ("Jazz",)


def test_the_last_three_drift_with_weights_that_halve(made: MadeLibrary, store: MemoryStore) -> None:
    played = made.ids(made.tracks[8:14])
    plain = Request(
        seeds=[
            Seed(key=str(made.tracks[0].pk), weight=4.0),
            Seed(key=played[-1], weight=4 * DRIFT * 4 / 7),
            Seed(key=played[-2], weight=4 * DRIFT * 2 / 7),
            Seed(key=played[-3], weight=4 * DRIFT * 1 / 7),
        ],
        limit=80,
        variety=Variety(per_artist=0, per_album=0),
    )
    answer = continue_radio(Request(seeds=plain.seeds[:1], limit=5), played, store=store, window=0, now=NOW)
    expected = {track.candidate.id: track.score for track in recommend(plain, store=store, now=NOW).tracks}
    assert len(answer.tracks) == 5
    assert {track.candidate.id: track.score for track in answer.tracks} == pytest.approx(
        {key: expected[key] for key in ids(answer)}
    )


def test_without_seeds_it_goes_on_from_what_was_played(made: MadeLibrary, store: MemoryStore) -> None:
    answer = continue_radio(Request(limit=5), made.ids(made.of_genre("Folk")[:2]), store=store, now=NOW)
    assert answer.tracks[0].candidate.genres == ("Folk",)


def test_words_pull_it_back_as_well(db: None, store: MemoryStore) -> None:
    made = make_library(store, Plan(models=("muq",)))
    remember(made.generations["muq"], dict.fromkeys(("smoke", *sentences()), made.middles["muq.joint", "Jazz"]))
    request = Request(prompts=[Prompt(text="smoke", weight=0.2)], models=["muq"], limit=5)
    answer = continue_radio(request, made.ids(made.of_genre("Metal")[:3]), store=store, now=NOW)
    assert answer.tracks[0].candidate.genres == ("Jazz",)
    shares = {share.kind: share.share for share in answer.tracks[0].explanation.queries}
    assert shares["prompt"] > 0.5


def test_what_is_disliked_does_not_join_the_seeds(made: MadeLibrary, store: MemoryStore) -> None:
    hated = made.tracks[8]
    for dislikes in (Dislikes(track_ids=[hated.navidrome_id]), Dislikes(ratings={str(hated.pk): 2})):
        answer = continue_radio(begun(made, dislikes=dislikes), [str(hated.pk)], store=store, now=NOW)
        assert not any(share.source == "played" for track in answer.tracks for share in track.explanation.queries)


def test_nor_does_what_is_disliked_or_excluded_by_artist_or_album(made: MadeLibrary, store: MemoryStore) -> None:
    played, said = made.tracks[8], list[dict[str, Any]]()
    said.append({"dislikes": Dislikes(artist_keys=[played.artist_key])})
    said.append({"exclude": Exclusions(artist_keys=[played.artist_key])})
    said.append({"exclude": Exclusions(album_keys=[played.album_key])})
    for unwanted in said:
        answer = continue_radio(begun(made, **unwanted), [str(played.pk)], store=store, now=NOW)
        assert not any(share.source == "played" for track in answer.tracks for share in track.explanation.queries)


def test_played_tracks_are_known_by_any_id_and_unknown_ones_count_for_nothing(
    made: MadeLibrary, store: MemoryStore
) -> None:
    first = continue_radio(begun(made), [], store=store, now=NOW).tracks[0].candidate
    played = ["nobody", forms(first.navidrome_id)[2], "\0"]
    answer = continue_radio(begun(made), played, store=store, now=NOW)
    assert first.id not in ids(answer)
    assert not answer.warnings


def test_a_library_that_is_exhausted_gives_up_the_oldest_of_the_window(made: MadeLibrary, store: MemoryStore) -> None:
    jazz = Filter(genres=["Jazz"])
    played = made.ids(made.of_genre("Jazz")[1:])
    answer = continue_radio(begun(made, filter=jazz), played, store=store, now=NOW)
    assert len(answer.tracks) == 5
    assert set(ids(answer)) <= set(played[:15])
    assert answer.warnings == ("Of the last 23 played tracks only the last 8 were kept out: there is too little else.",)


def test_a_tiny_library_repeats_itself_rather_than_answering_nothing(made: MadeLibrary, store: MemoryStore) -> None:
    Track.objects.exclude(pk__in=made.ids(made.tracks[:6])).update(missing_since=timezone.now())
    played = made.ids(made.tracks[1:6])
    answer = continue_radio(begun(made), played, store=store, now=NOW)
    assert ids(answer) == [track for track in ids(answer) if track in played[:2]] != []
    assert any("only the last 0 were kept out" in said for said in answer.warnings)
    assert any(said.startswith("2 tracks instead of 5: ") for said in answer.warnings)


def test_the_same_question_has_the_same_answer(made: MadeLibrary, store: MemoryStore) -> None:
    played = made.ids(made.tracks[20:40])
    one, other = (continue_radio(begun(made), played, store=store, now=NOW) for _ in range(2))
    assert one.tracks == other.tracks


def test_ranks_are_those_of_the_answer(made: MadeLibrary, store: MemoryStore) -> None:
    answer = continue_radio(begun(made), made.ids(made.tracks[8:12]), store=store, now=NOW)
    assert [track.explanation.rank_after for track in answer.tracks] == [1, 2, 3, 4, 5]


def test_caps_are_those_of_the_list_that_was_asked_for(made: MadeLibrary, store: MemoryStore, settings: Any) -> None:
    settings.MAX_PER_ARTIST, settings.MAX_PER_ALBUM = 2, 1
    answer = continue_radio(begun(made, limit=20, variety=Variety()), [], store=store, now=NOW)
    artists = [track.candidate.artist_key for track in answer.tracks]
    assert max(artists.count(artist) for artist in artists) <= 2
    albums = [track.candidate.album_key for track in answer.tracks]
    assert max(albums.count(album) for album in albums) == 1


def test_impossible_questions_are_refused(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(Refused, match="A window is 0 or more"):
        continue_radio(begun(made), [], store=store, window=-1)
    with pytest.raises(Refused, match="A window is 0 or more"):
        continue_radio(begun(made), ["x"] * (MOST_PLAYED + 1), store=store)
    for limit in (0, 501):
        with pytest.raises(Refused, match="limit has to be between"):
            continue_radio(begun(made, limit=limit), [], store=store)
    with pytest.raises(Refused) as nothing:
        continue_radio(Request(), ["nobody"], store=store)
    assert nothing.value.code == "nothing_asked"


class AwayStore(MemoryStore):
    """Never answers a search."""

    def search(self, *args: Any, **kwargs: Any) -> Any:
        """Do not answer."""
        raise BackendUnavailable("The store does not answer.")


def test_a_store_that_does_not_answer_is_an_error(db: None) -> None:
    store = AwayStore()
    made = make_library(store, Plan(models=("acoustic",)))
    with pytest.raises(BackendUnavailable):
        continue_radio(begun(made), [], store=store, now=NOW)
