"""What is read of Navidrome's users, in both layouts, and what is left alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from embeddings.errors import BackendUnavailable
from embeddings.library.navidrome_ids import canonical
from embeddings.library.navidrome_listening import Mark, read_marks, read_playlists
from tests.embeddings.library.listeners import add_playlist, make_listeners, mark
from tests.embeddings.library.shelves import changing, make_navidrome

OLD_LIST = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


@pytest.fixture(params=["0.52", "0.64"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, request.param, libraries=[(1, "Music", "/music")])
    make_listeners(path, request.param, [("u1", "Alice"), ("u2", "alice"), ("u3", "ÉMILE")])
    return path


def test_marks_are_what_a_user_left(database: Path) -> None:
    mark(database, "u1", "t1", play_count=3, play_date="2026-05-01 10:00:00+02:00", rating=4, starred=1)
    mark(database, "u1", "t2", play_count=None, rating=1, starred=None)
    mark(database, "u1", "a1", item_type="artist", play_count=7, play_date="0001-01-01T00:00:00Z")
    mark(database, "u2", "t3", play_count=9)
    assert read_marks(database, "Alice") == [
        Mark("artist", "a1", 7, None, 0, False),
        Mark("media_file", "t1", 3, datetime(2026, 5, 1, 8, tzinfo=UTC), 4, True),
        Mark("media_file", "t2", 0, None, 1, False),
    ]


def test_what_says_nothing_is_no_mark(database: Path) -> None:
    mark(database, "u1", "t1", play_count=0, rating=0, starred=0)
    mark(database, "u1", "p1", item_type="playlist", starred=1)
    assert read_marks(database, "Alice") == []


def test_names_are_equal_whatever_their_case_and_the_exact_one_goes_first(database: Path) -> None:
    mark(database, "u2", "t1", play_count=1)
    mark(database, "u3", "t2", play_count=1)
    found = {name: read_marks(database, name) for name in ("alice", "ALICE", "émile", "nobody", "")}
    assert [len(found["alice"] or ()), found["ALICE"], len(found["émile"] or ())] == [1, [], 1]
    assert (found["nobody"], found[""]) == (None, None)


def test_passwords_are_not_read(database: Path) -> None:
    with changing(database) as connection:
        connection.execute("ALTER TABLE user DROP COLUMN password")
    assert read_marks(database, "alice") == []


def test_playlists_have_their_tracks_in_order(database: Path) -> None:
    tracks = [f"t{number}" for number in range(12)]
    add_playlist(database, "p1", "u1", tracks, public=True)
    add_playlist(database, "p2", "u1", [], public=True)
    found = read_playlists(database, ["p1", "p2", "p3", "\udcff"])
    assert found.tracks == {"p1": tuple(tracks), "p2": ()}


def test_a_playlist_is_read_when_it_is_public_or_the_user_s(database: Path) -> None:
    add_playlist(database, "open", "u1", ["t1"], public=True)
    add_playlist(database, "own", "u1", ["t2"], public=False)
    asked = ["open", "own"]
    assert set(read_playlists(database, asked, "Alice").tracks) == {"open", "own"}
    assert set(read_playlists(database, asked, "alice").tracks) == {"open"}
    nobody = read_playlists(database, asked)
    assert (set(nobody.tracks), nobody.user_known) == ({"open"}, False)


def test_a_playlist_is_known_by_the_id_that_it_had_and_by_the_one_that_it_got(database: Path) -> None:
    add_playlist(database, OLD_LIST, "u1", ["t1"], public=True)
    add_playlist(database, canonical("0123456789abcdef0123456789abcdef"), "u1", ["t2"], public=True)
    asked = [canonical(OLD_LIST), "0123456789abcdef0123456789abcdef"]
    assert read_playlists(database, asked).tracks == {asked[0]: ("t1",), asked[1]: ("t2",)}


def test_a_thousand_playlists_are_read_at_once(database: Path) -> None:
    with changing(database) as connection:
        rows = [(f"p{number}", "u1") for number in range(1200)]
        connection.executemany("INSERT INTO playlist VALUES (?, '', ?, 1, NULL)", rows)
    assert len(read_playlists(database, [name for name, _ in rows]).tracks) == 1200


def test_another_database_is_said_to_be_none_of_navidrome_s(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with changing(other) as connection:
        connection.execute("CREATE TABLE user (id, user_name)")
    with pytest.raises(BackendUnavailable, match="has no table 'annotation'"):
        read_marks(other, "alice")
    with pytest.raises(BackendUnavailable, match="has no table 'playlist'"):
        read_playlists(other, ["p1"])


def test_nothing_is_written_beside_the_database(database: Path) -> None:
    before = sorted(path.name for path in database.parent.iterdir())
    read_marks(database, "Alice")
    read_playlists(database, ["p1"], "Alice")
    assert sorted(path.name for path in database.parent.iterdir()) == before
