"""What titles in real libraries say, and do not say, of the recording behind them."""

import pytest

from recommendations.arithmetic.recordings import are_same, are_versions, recording_of
from tests.recommendations.candidates import candidate

PLAIN = candidate(1, title="Song", artist="Ann", album="First")


@pytest.mark.parametrize(
    "title",
    [
        "SONG",
        "01 Song",
        "1. Song",
        "03 - Song",
        "Song [feat. X]",
        "Song (feat. X & Y)",
        "Song feat. X",
        "Song ft. X",
        "Song (Album Version)",
        "Song [Explicit]",
        "Song - Bonus Track",
        "Song (Original Mix)",
        'Song (From "The Film")',
        "Song (In the Night)",
        "Sóng",
        "Song!",
    ],
)
def test_remarks_guests_and_numbers_make_no_other_recording(title: str) -> None:
    other = candidate(2, title=title, artist="Ann", album="Best of Ann")
    assert are_same(recording_of(PLAIN), recording_of(other))


@pytest.mark.parametrize(
    "title",
    [
        "Song (Live)",
        "Song - Live at Wembley",
        "Song (Remastered 2011)",
        "Song - 2011 Remaster",
        "Song (Bob's Remix)",
        "Song [Acoustic]",
        "Song (Demo)",
        "Song - Instrumental",
        "Song (Radio Edit)",
        "Song - Single Version",
        "Song (Extended Mix)",
        "Song (Part 2)",
        "Song (Reprise)",
        "Song (Karaoke)",
        "Song (Alternate Take)",
    ],
)
def test_versions_are_other_recordings(title: str) -> None:
    other = candidate(2, title=title, artist="Ann", album="Best of Ann")
    assert are_versions(recording_of(PLAIN), recording_of(other))
    assert not are_same(recording_of(PLAIN), recording_of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song (Live at Wembley)", "Song (Live in Paris)"),
        ("Song (Part 1)", "Song (Part 2)"),
        ("Song (Bob's Remix)", "Song (Carl's Remix)"),
        ("Suite (I. Prelude)", "Suite (II. Allemande)"),
        ("Suite - Prelude", "Suite - Allemande"),
        ("Song, Pt. 1", "Song, Pt. 2"),
        ("99 Luftballons", "Luftballons"),
        ("(Untitled)", "(Interlude)"),
    ],
)
def test_what_says_something_else_is_something_else(one: str, other: str) -> None:
    first, second = (recording_of(candidate(1, title=title, artist="Ann")) for title in (one, other))
    assert not are_same(first, second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song (Remastered 2011)", "Song - 2011 Remaster"),
        ("Song (Live at Wembley)", "Song [live @ Wembley]"),
        ("(I Can't Get No) Song", "Song"),
        ("Live Forever", "Live Forever"),
    ],
)
def test_the_same_said_differently_is_the_same(one: str, other: str) -> None:
    first, second = (recording_of(candidate(1, title=title, artist="Ann")) for title in (one, other))
    assert are_same(first, second)


@pytest.mark.parametrize(
    "album", ["Live at Wembley", "MTV Unplugged", "First (Live)", "First (Remastered)", "Alchemy: Ann Live"]
)
def test_an_album_may_say_it_for_all_its_tracks(album: str) -> None:
    other = candidate(2, title="Song", artist="Ann", album=album)
    assert are_versions(recording_of(PLAIN), recording_of(other))


@pytest.mark.parametrize("album", ["Alive", "Deliverance", "First (Deluxe Edition)", "First [Disc 2]"])
def test_other_albums_say_nothing(album: str) -> None:
    other = candidate(2, title="Song", artist="Ann", album=album)
    assert are_same(recording_of(PLAIN), recording_of(other))


def test_the_artist_has_to_be_the_same_but_for_guests() -> None:
    guests = candidate(2, title="Song", artist="Ann feat. Bob")
    assert are_same(recording_of(PLAIN), recording_of(guests))
    assert not are_same(recording_of(PLAIN), recording_of(candidate(2, title="Song", artist="Bob")))
    assert not are_same(
        recording_of(candidate(1, title="", artist="")), recording_of(candidate(2, title="", artist=""))
    )


def test_durations_have_to_fit_where_only_names_speak() -> None:
    longer = candidate(2, title="Song", artist="Ann", duration=400.0)
    assert not are_same(recording_of(PLAIN), recording_of(longer))
    assert are_same(recording_of(PLAIN), recording_of(candidate(2, title="Song", artist="Ann", duration=None)))


def test_one_recording_id_is_one_recording_whatever_it_is_called() -> None:
    first, second = (candidate(place, recording_mbid="A-1") for place in (1, 2))
    assert are_same(recording_of(first), recording_of(second))
    assert not are_same(recording_of(candidate(1)), recording_of(candidate(2)))
