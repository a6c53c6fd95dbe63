"""What a listener knows and dislikes, and whose playlists are read, by what Navidrome has noted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from embeddings.errors import BackendUnavailable
from embeddings.library.navidrome_ids import canonical, forms
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.asking.hearing import (
    KEPT_SECONDS,
    MOST_KEPT,
    OF_ARTIST,
    Heard,
    Memory,
    familiarity,
    hear,
    process_memory,
)
from recommendations.asking.seeding import Gathered, gather
from recommendations.domain import Dislikes, Exclusions, Request, Seed
from recommendations.finding.candidates import read_candidates
from recommendations.modes import get_mode
from tests.embeddings.library.listeners import add_playlist, make_listeners, mark
from tests.embeddings.library.shelves import make_navidrome
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = "2026-06-01 00:00:00+00:00"


@pytest.fixture
def made(db: None) -> MadeLibrary:
    return make_library(MemoryStore(), Plan(models=()))


@pytest.fixture
def database(tmp_path: Path, settings: Any) -> Iterator[Path]:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.64", libraries=[(1, "Music", "/music")])
    make_listeners(path, "0.64", [("u1", "Alice"), ("u2", "Bob")])
    settings.NAVIDROME_DB = str(path)
    process_memory.cache_clear()
    yield path
    process_memory.cache_clear()


def heard(user: str = "alice") -> Heard:
    found = hear(user, now=NOW, memory=Memory()).heard
    assert found is not None
    return found


def known(*tracks: Track) -> list[float]:
    candidates = read_candidates([str(track.pk) for track in tracks])
    shown: list[float] = heard().familiarity(list(candidates.values())).tolist()
    return shown


def ask(*seeds: Seed, user: str = "", **said: Any) -> Gathered:
    return gather(Request(seeds=seeds, user=user, **said), get_mode("custom", {}), now=NOW)


def test_three_plays_make_a_track_half_known(made: MadeLibrary, database: Path) -> None:
    mark(database, "u1", made.tracks[0].navidrome_id, play_count=3, play_date=TODAY)
    mark(database, "u2", made.tracks[1].navidrome_id, play_count=3)
    mark(database, "u1", "of no track of ours", play_count=3)
    assert known(*made.tracks[:3]) == pytest.approx([0.5, 0.0, 0.0])


def test_a_star_alone_makes_it_half_known_too(made: MadeLibrary, database: Path) -> None:
    mark(database, "u1", made.tracks[0].navidrome_id, starred=1)
    assert known(made.tracks[0]) == [0.5]


def test_what_was_heard_long_ago_is_half_forgotten(made: MadeLibrary, database: Path) -> None:
    mark(database, "u1", made.tracks[0].navidrome_id, play_count=3, play_date="2025-06-01 00:00:00Z")
    assert known(made.tracks[0]) == pytest.approx([0.375])


def test_a_catalogue_of_before_navidrome_s_new_ids_is_understood(made: MadeLibrary, database: Path) -> None:
    old = "e3b7fc2ae9447bbec37a13bf916e3cf6"
    Track.objects.filter(pk=made.tracks[0].pk).update(navidrome_id=old)
    mark(database, "u1", canonical(old), starred=1)
    assert known(made.tracks[0]) == [0.5]


@drawing(max_examples=60, deadline=None, derandomize=True)
@given(plays=st.integers(0, 10**6), days=st.floats(0, 10**5), marked=st.booleans())
def test_familiarity_is_a_share_that_rises_with_plays_and_falls_with_days(
    plays: int, days: float, marked: bool
) -> None:
    found = familiarity(plays=plays, days=days, marked=marked)
    assert 0 <= found <= 1
    assert familiarity(plays=plays + 1, days=days, marked=marked) >= found
    assert familiarity(plays=plays, days=days + 10, marked=marked) <= found
    assert familiarity(plays=plays, days=days, marked=True) >= found


def test_a_track_of_a_known_artist_is_a_little_familiar(made: MadeLibrary, database: Path) -> None:
    theirs, other, stranger = made.tracks[0], made.tracks[1], made.tracks[-1]
    mark(database, "u1", forms(theirs.artist_key)[1], item_type="artist", play_count=30, play_date=TODAY)
    mark(database, "u1", other.navidrome_id, play_count=300, play_date=TODAY)
    assert known(theirs, other, stranger) == pytest.approx([OF_ARTIST * 0.5, 1.0, 0.0])


def test_low_stars_are_dislikes_unless_the_request_says_otherwise(made: MadeLibrary, database: Path) -> None:
    ids = made.ids(made.tracks)
    for track, rating in zip(made.tracks, [1, 2, 3, 1, 2], strict=False):
        mark(database, "u1", track.navidrome_id, rating=rating)
    found = ask(user="alice", dislikes=Dislikes(ratings={ids[0]: 5, ids[1]: 1, made.tracks[2].navidrome_id: 2}))
    assert found.disliked == {ids[1]: 1.0, ids[2]: 0.5, ids[3]: 1.0, ids[4]: 0.5}
    assert found.excluded == {ids[1], ids[3]}
    assert ask().disliked == {}


def test_low_stars_of_a_record_are_those_of_its_tracks_without_own_ones(made: MadeLibrary, database: Path) -> None:
    record = made.tracks[:4]
    mark(database, "u1", record[0].album_key, item_type="album", rating=2)
    mark(database, "u1", record[0].navidrome_id, rating=4)
    mark(database, "u1", record[1].navidrome_id, rating=1)
    ids = made.ids(record)
    assert heard().ratings == {ids[1]: 1, ids[2]: 2, ids[3]: 2}


def test_low_stars_of_an_artist_are_a_dislike_of_him(made: MadeLibrary, database: Path) -> None:
    mark(database, "u1", made.tracks[0].artist_key, item_type="artist", rating=2)
    mark(database, "u1", made.tracks[20].artist_key, item_type="artist", rating=3)
    assert ask(user="alice").disliked_artists == {made.tracks[0].artist_key}
    assert not ask(Seed(key=made.tracks[0].artist_key, kind="artist"), user="alice").disliked_artists


def test_an_unknown_user_is_said_to_be_unknown(made: MadeLibrary, database: Path) -> None:
    found = ask(user="carol")
    assert found.heard is None
    assert found.warnings == ("Navidrome knows no user 'carol': nobody's plays were counted.",)
    assert found.familiarity([]) is None


def test_without_a_name_nobody_is_meant(made: MadeLibrary, database: Path) -> None:
    assert (ask().heard, ask().warnings) == (None, ())


def test_a_database_that_is_away_is_warned_of(made: MadeLibrary, database: Path) -> None:
    database.rename(database.with_name("elsewhere.db"))
    found = ask(user="alice")
    assert found.heard is None
    assert found.warnings[0].startswith("What alice has heard and rated was not counted: There is no file")


def test_a_database_that_is_away_keeps_no_playlist_back_in_silence(made: MadeLibrary, database: Path) -> None:
    database.rename(database.with_name("elsewhere.db"))
    with pytest.raises(BackendUnavailable, match="There is no file"):
        ask(exclude=Exclusions(playlist_ids=["p1"]))


def test_a_listener_is_remembered_for_a_minute(made: MadeLibrary, database: Path) -> None:
    ticks = [0.0]
    memory = Memory(clock=lambda: ticks[0])

    def count() -> int:
        found = hear("alice", now=NOW, memory=memory).heard
        return len(found.tracks) if found else -1

    mark(database, "u1", made.tracks[0].navidrome_id, play_count=1)
    assert count() == 1
    mark(database, "u1", made.tracks[1].navidrome_id, play_count=1)
    assert count() == 1
    ticks[0] += KEPT_SECONDS
    assert count() == 2


def test_another_file_another_day_and_another_user_are_read_at_once(
    made: MadeLibrary, database: Path, tmp_path: Path
) -> None:
    memory = Memory()
    mark(database, "u1", made.tracks[0].navidrome_id, play_count=3, play_date=TODAY)
    before = hear("alice", now=NOW, memory=memory).heard
    assert hear("alice", now=NOW + timedelta(hours=9), memory=memory).heard is before
    assert hear("alice", now=NOW + timedelta(days=9), memory=memory).heard is not before
    assert hear("bob", now=NOW, memory=memory).heard is not before
    (tmp_path / "new").mkdir()
    other = tmp_path / "new" / "navidrome.db"
    make_navidrome(other, "0.64", libraries=[(1, "Music", "/music")])
    make_listeners(other, "0.64", [("u1", "Alice")])
    other.rename(database)
    found = hear("alice", now=NOW, memory=memory).heard
    assert found is not None
    assert found.tracks == {}


def test_only_some_listeners_are_remembered(made: MadeLibrary, database: Path) -> None:
    memory = Memory()
    first = hear("alice", now=NOW, memory=memory).heard
    for day in range(MOST_KEPT - 1):
        hear("bob", now=NOW + timedelta(days=day), memory=memory)
    assert hear("alice", now=NOW, memory=memory).heard is first
    hear("bob", now=NOW - timedelta(days=1), memory=memory)
    assert hear("alice", now=NOW, memory=memory).heard is not first


def test_the_next_request_of_a_listener_asks_the_database_no_more(
    made: MadeLibrary, database: Path, django_assert_num_queries: Any
) -> None:
    for track in made.tracks:
        mark(database, "u1", track.navidrome_id, play_count=1)
    ask(user="alice")
    with django_assert_num_queries(0):
        assert ask(user="alice").heard is not None


def test_tracks_of_a_playlist_share_its_weight_but_for_those_that_are_hated(made: MadeLibrary, database: Path) -> None:
    ids = made.ids(made.tracks[:4])
    add_playlist(database, "p1", "u1", [track.navidrome_id for track in made.tracks[:4]] + ["gone"], public=True)
    mark(database, "u1", made.tracks[3].navidrome_id, rating=2)
    found = ask(Seed(key="p1", kind="playlist", weight=3.0), user="alice")
    assert {query.track_id: query.weight for query in found.queries} == dict.fromkeys(ids[:3], 1.0)
    assert found.excluded == set(ids)


def test_tracks_of_excluded_playlists_stay_out(made: MadeLibrary, database: Path) -> None:
    add_playlist(database, "p1", "u1", [track.navidrome_id for track in made.tracks[:4]], public=False)
    found = ask(user="alice", exclude=Exclusions(playlist_ids=["p1"]))
    assert found.excluded == set(made.ids(made.tracks[:4]))
    assert not found.warnings


def test_playlists_of_others_are_as_if_they_were_not_there(made: MadeLibrary, database: Path) -> None:
    add_playlist(database, "p1", "u1", [made.tracks[0].navidrome_id], public=False)
    for key in ("p1", "nowhere"):
        exclude = Exclusions(playlist_ids=[key])
        said = f"1 playlist was not read, as it is none that is public or bob's: {key!r}."
        found = ask(Seed(key=key, kind="playlist"), user="bob", exclude=exclude)
        assert (found.queries, found.excluded, found.warnings) == ((), frozenset(), (said,))
        assert "no user was named" in ask(exclude=exclude).warnings[0]
    (both,) = ask(user="bob", exclude=Exclusions(playlist_ids=["p1", "nowhere"])).warnings
    assert both == "2 playlists were not read, as they are none that are public or bob's: 'nowhere', 'p1'."
