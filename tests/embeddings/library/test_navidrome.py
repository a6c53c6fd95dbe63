"""Reading Navidrome's rows, of every layout since 0.52."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from embeddings.errors import BackendUnavailable
from embeddings.library.base import Listing, SourceTrack
from embeddings.library.navidrome import NavidromeSource
from embeddings.paths import to_bytes
from tests.embeddings.library.shelves import COLUMNS, add_row, changing, make_navidrome

ONE = [(1, "Music", "/music")]
MAP = [("/music", "/mnt/music")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.64", libraries=ONE)
    return path


@pytest.mark.parametrize("layout", COLUMNS)
def test_every_layout_says_the_same(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, layout, libraries=ONE)
    absolute = "/music/" if layout in {"0.52", "0.53"} else ""
    mbid = "9c9f1380-2516-4fc9-a3e6-f9f61941d090"
    add_row(path, id="1", library_id=1, path=f"{absolute}A/B/c.mp3", title="C", mbz_recording_id=mbid)
    if absolute:
        with changing(path) as connection:
            connection.execute("INSERT INTO genre VALUES (1, 'Rock'), (2, 'Surf')")
            connection.execute("INSERT INTO media_file_genres VALUES ('1', 1), ('1', 2)")
    (listing,) = NavidromeSource(path, MAP).listings({})
    assert (listing.library.external_id, listing.library.root) == (1, "/mnt/music")
    assert listing.tracks == [
        SourceTrack(
            library_external_id=1,
            path="A/B/c.mp3",
            navidrome_id="1",
            signature="1000:1704067200123456",
            size=1000,
            title="C",
            artist="Artist",
            album="Album",
            album_artist="Artist",
            artist_key="4bbbbbbbbbbbbbbbbbbbbb",
            album_key="4ccccccccccccccccccccc",
            track_number=3,
            disc_number=1,
            year=1999,
            genres=("Rock", "Surf"),
            duration=201.5,
            recording_mbid=mbid,
        )
    ]


def test_missing_rows_are_left_out(database: Path) -> None:
    add_row(database, id="1", library_id=1, path="a.mp3")
    add_row(database, id="2", library_id=1, path="b.mp3", missing=1)
    assert [track.path for track in only(database).tracks] == ["a.mp3"]


def test_every_library_has_its_own_root(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.58", libraries=[(1, "Music", "/music"), (4, "Audiobooks", "/music/../books")])
    add_row(path, id="1", library_id=1, path="a.mp3")
    add_row(path, id="2", library_id=4, path="a.mp3")
    listings = NavidromeSource(path, [("/music", "/mnt/nas/songs")]).listings({})
    assert [(found.library.name, found.library.root, len(found.tracks)) for found in listings] == [
        ("Music", "/mnt/nas/songs", 1),
        ("Audiobooks", "/mnt/nas/books", 1),
    ]


@pytest.mark.parametrize(
    ("folder", "path_map", "root"),
    [
        ("/music", [], "/music"),
        ("/music/jazz", [("/music", "/mnt/m")], "/mnt/m/jazz"),
        ("/musicals", [("/music", "/mnt/m")], "/musicals"),
        ("/music/jazz", [("/music/jazz", "/jazz"), ("/music", "/mnt/m")], "/jazz"),
        ("/music/", [("/music/", "/mnt/m/")], "/mnt/m"),
        ("./music", [("./music", "/mnt/m")], "/mnt/m"),
        ("C:\\music\\jazz", [("C:\\music", "/mnt/m")], "/mnt/m/jazz"),
    ],
)
def test_a_prefix_maps_whole_components(
    tmp_path: Path, folder: str, path_map: list[tuple[str, str]], root: str
) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.58", libraries=[(1, "Music", folder)])
    (listing,) = NavidromeSource(path, path_map).listings({})
    assert listing.library.root == root


@pytest.mark.parametrize("folder", ["./music", "music", "C:\\music", "/", ""])
def test_a_library_that_lies_nowhere_here_is_refused_with_a_sentence(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.58", libraries=[(1, "Music", folder)])
    with pytest.raises(BackendUnavailable, match="NAVIDROME_PATH_MAP"):
        NavidromeSource(path).listings({})


def test_a_root_that_is_not_here_is_said(database: Path) -> None:
    (note,) = only(database).notes
    assert "/mnt/music is no folder of this machine" in note


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "A/../../x.mp3", "", "a\0b.mp3", "x" * 2049])
def test_a_path_that_leads_out_is_skipped_and_counted(database: Path, path: str) -> None:
    add_row(database, id="1", library_id=1, path="good.mp3")
    add_row(database, id="2", library_id=1, path=path.encode())
    listing = only(database)
    assert [track.path for track in listing.tracks] == ["good.mp3"]
    assert listing.skipped == 1


def test_two_dots_within_a_name_lead_nowhere(database: Path) -> None:
    add_row(database, id="1", library_id=1, path="Wait../..and see...mp3")
    assert len(only(database).tracks) == 1


def test_an_absolute_path_outside_the_libraries_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.53", libraries=ONE)
    add_row(path, id="1", library_id=1, path="/music/a.mp3")
    add_row(path, id="2", library_id=1, path="/musicals/b.mp3")
    add_row(path, id="3", library_id=1, path="/music/../etc/c.mp3")
    listing = only(path)
    assert [track.path for track in listing.tracks] == ["a.mp3"]
    assert listing.skipped == 2


def test_without_a_table_of_libraries_the_common_folder_is_one(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.52", libraries=[])
    add_row(path, id="1", path="/srv/music/A/a.mp3")
    add_row(path, id="2", path="/srv/music/B/C/b.mp3")
    (listing,) = NavidromeSource(path).listings({})
    assert listing.library.root == "/srv/music"
    assert {track.path for track in listing.tracks} == {"A/a.mp3", "B/C/b.mp3"}


def test_a_path_map_that_fits_no_track_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.52", libraries=[])
    add_row(path, id="1", path="/srv/music/a.mp3")
    with pytest.raises(BackendUnavailable, match=r"/srv/music/a\.mp3"):
        NavidromeSource(path, MAP).listings({})


def test_a_name_that_is_no_utf8_keeps_its_bytes(database: Path) -> None:
    add_row(database, id="1", library_id=1, path=b"caf\xe9.mp3")
    assert to_bytes(only(database).tracks[0].path) == b"caf\xe9.mp3"


@pytest.mark.parametrize(
    ("moment", "signature"),
    [
        ("2024-07-01 14:00:00.5+02:00", "1000:1719835200500000"),
        ("2024-07-01 13:00:00.500000000+01:00", "1000:1719835200500000"),
        ("2024-07-01T12:00:00.5Z", "1000:1719835200500000"),
        ("2024-07-01 12:00:00.5", "1000:1719835200500000"),
        ("1969-12-31 23:59:59+00:00", "1000:-1000000"),
        (None, "1000:-"),
        ("", "1000:-"),
        ("0000-00-00 00:00:00", "1000:-"),
        ("0001-01-01T00:00:00Z", "1000:-"),
        ("last tuesday", "1000:-"),
    ],
)
def test_a_signature_does_not_depend_on_the_clock_of_the_house(
    database: Path, moment: str | None, signature: str
) -> None:
    add_row(database, id="1", library_id=1, path="a.mp3", updated_at=moment)
    assert only(database).tracks[0].signature == signature


def test_unusable_values_are_left_out(database: Path) -> None:
    add_row(
        database,
        id="1",
        library_id=1,
        path="a.mp3",
        title="N\0U\x1bL\n\ttitle",
        artist=None,
        album=b"caf\xe9",
        track_number=-1,
        year=0,
        duration=0,
        size=None,
        tags="{broken",
        mbz_recording_id="several; of them",
    )
    track = only(database).tracks[0]
    assert (track.title, track.artist, track.album) == ("NUL title", "", "caf\ufffd")
    assert (track.track_number, track.year, track.duration, track.size, track.genres) == (None, None, None, 0, ())
    assert track.recording_mbid == ""


@pytest.mark.parametrize("tags", [None, "", "[]", '{"genre": 3}', '{"genre": [{"id": "1"}, 7, {"value": null}]}'])
def test_strange_genres_are_no_genres(database: Path, tags: str | None) -> None:
    add_row(database, id="1", library_id=1, path="a.mp3", tags=tags)
    assert only(database).tracks[0].genres == ()


def test_genres_are_clean_and_few(database: Path) -> None:
    values = [{"value": "Rock\0"}, {"value": "Rock"}] + [{"value": f"G{n}"} for n in range(2000)]
    add_row(database, id="1", library_id=1, path="a.mp3", tags=json.dumps({"genre": values}))
    genres = only(database).tracks[0].genres
    assert genres[:2] == ("Rock", "G0")
    assert len(genres) == 32


def test_a_key_outlives_the_rewriting_of_ids(database: Path) -> None:
    add_row(database, id="1", library_id=1, path="a.mp3", artist_id="e3b7fc2ae9447bbec37a13bf916e3cf6")
    before = only(database).tracks[0]
    with changing(database) as connection:
        connection.execute("UPDATE media_file SET artist_id = '6VHl3uR4kss6sUPKA8Cwnk'")
    assert only(database).tracks[0] == replace(before, artist_key="6VHl3uR4kss6sUPKA8Cwnk") == before


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with changing(path) as connection:
        connection.execute("CREATE TABLE django_migrations (id)")
    with pytest.raises(BackendUnavailable, match="not a Navidrome database"):
        NavidromeSource(path).listings({})


def only(database: Path) -> Listing:
    (listing,) = NavidromeSource(database, MAP).listings({})
    return listing
