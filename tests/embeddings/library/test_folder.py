"""The folder source on names, links and files that real disks hold."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from embeddings.errors import BackendUnavailable
from embeddings.library.base import Listing
from embeddings.library.folder import FolderSource
from embeddings.paths import to_bytes
from tests.embeddings.library.shelves import write_wave
from tests.embeddings.library.test_navidrome_open import as_nobody

SAMPLE = Path(__file__).resolve().parents[3] / "sample"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "music"
    path.mkdir()
    write_wave(path / "good.wav", title="Good")
    return path


def test_the_sample_is_described_by_its_tags(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    listing = look(tmp_path / "sample")
    tracks = {track.path: track for track in listing.tracks}
    theme = tracks["Flare/Fantasycore/03 - Cave theme.m4a"]
    assert len(tracks) == 23
    assert all(track.title and track.artist and track.album and track.genres for track in tracks.values())
    assert (theme.title, theme.artist, theme.track_number, theme.genres) == ("Cave theme", "Flare", 3, ("orchestral",))
    assert all(29 < (track.duration or 0) < 31 for track in tracks.values())


def test_tracks_of_one_album_share_their_keys_in_every_format(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "Flare", tmp_path / "Flare")
    tracks = look(tmp_path).tracks
    assert len({track.path.rpartition(".")[2] for track in tracks}) == 5
    assert len({(track.artist_key, track.album_key) for track in tracks}) == 1


@pytest.mark.parametrize(
    "name",
    [
        b"latin1_caf\xe9.wav",
        b"sjis_\x96\xe9.wav",
        b"new\nline.wav",
        b"back\\slash.wav",
        b"%s%n %2F..%2F 100%.wav",
        b"-rf --help.wav",
        "🎵 émoji 日本語.wav".encode(),
        "\uef80.wav".encode(),
        b"x" * 251 + b".wav",
        b"UPPER.WAV",
    ],
)
def test_any_name_is_listed_and_leads_back_to_its_file(root: Path, name: bytes) -> None:
    shutil.copy(root / "good.wav", root / os.fsdecode(name))
    (found,) = [track for track in look(root).tracks if track.path != "good.wav"]
    found.path.encode()
    assert to_bytes(found.path) == name


@pytest.mark.parametrize(
    "name", [".hidden.wav", "._AppleDouble.wav", "sheet.cue", "rtl_\u202e3pm.exe", "wav", "a.wav "]
)
def test_what_is_no_music_by_its_name_is_ignored(root: Path, name: str) -> None:
    shutil.copy(root / "good.wav", root / name)
    assert paths(root) == ["good.wav"]


@pytest.mark.parametrize("folder", [".Trash", "@eaDir", "$RECYCLE.BIN", "lost+found"])
def test_folders_that_systems_keep_for_themselves_are_not_entered(root: Path, folder: str) -> None:
    (root / folder).mkdir()
    shutil.copy(root / "good.wav", root / folder)
    assert paths(root) == ["good.wav"]


def test_what_is_no_regular_file_is_never_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.wav")
    (root / "zero.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.wav"))
        assert paths(root) == ["good.wav"]


def test_a_folder_named_like_a_file_is_walked(root: Path) -> None:
    (root / "x.wav").mkdir()
    shutil.copy(root / "good.wav", root / "x.wav" / "inside.wav")
    assert paths(root) == ["good.wav", "x.wav/inside.wav"]


def test_links_that_lead_out_are_skipped_and_counted(root: Path, tmp_path: Path) -> None:
    write_wave(tmp_path / "outside.wav")
    (tmp_path / "musical").mkdir()
    write_wave(tmp_path / "musical" / "sibling.wav")
    (root / "out.wav").symlink_to(tmp_path / "outside.wav")
    (root / "sibling.wav").symlink_to(tmp_path / "musical" / "sibling.wav")
    (root / "folder").symlink_to(tmp_path / "musical")
    listing = look(root)
    assert [track.path for track in listing.tracks] == ["good.wav"]
    assert listing.skipped == 2


def test_links_within_are_tracks_and_loops_end(root: Path) -> None:
    (root / "again.wav").symlink_to("good.wav")
    (root / "loop").symlink_to(".")
    (root / "a.wav").symlink_to("b.wav")
    (root / "b.wav").symlink_to("a.wav")
    (root / "dangling.wav").symlink_to("nothing.wav")
    assert paths(root) == ["again.wav", "good.wav"]
    assert list(look(root).unseen) == []


def test_hard_links_are_two_tracks(root: Path) -> None:
    (root / "twin.wav").hardlink_to(root / "good.wav")
    assert paths(root) == ["good.wav", "twin.wav"]


def test_a_folder_that_may_not_be_entered_is_reported(tmp_path: Path) -> None:
    # Pytest's own folders are closed to other users; there is one more of them where several workers run the tests.
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest-of-" in str(folder):
            folder.chmod(0o755)
    (tmp_path / "denied").mkdir()
    write_wave(tmp_path / "denied" / "secret.wav")
    write_wave(tmp_path / "open.wav")
    (tmp_path / "denied").chmod(0o000)
    said = as_nobody(lambda: ([track.path for track in look(tmp_path).tracks], look(tmp_path).unseen))
    (tmp_path / "denied").chmod(0o755)
    assert said == "(['open.wav'], ['denied/'])"


def test_paths_too_long_for_the_catalogue_or_the_system_are_skipped(root: Path) -> None:
    depth = os.open(root, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=depth)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=depth)
        os.close(depth)
        depth = deeper
        os.close(os.open("deep.wav", os.O_CREAT | os.O_WRONLY, dir_fd=depth))
    os.close(depth)
    listing = look(root)
    assert max(len(track.path) for track in listing.tracks) < 2048
    assert "good.wav" in {track.path for track in listing.tracks}
    assert listing.skipped > 5


def test_a_file_known_by_size_and_time_is_not_opened(root: Path) -> None:
    (track,) = look(root).tracks
    before = (root / "good.wav").stat()
    (root / "good.wav").write_bytes(b"\0" * before.st_size)
    os.utime(root / "good.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
    (listing,) = FolderSource(root).listings({str(root): {"good.wav": track.signature}})
    assert (list(listing.tracks), list(listing.unchanged)) == ([], ["good.wav"])


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3\x04\0\0\x7f\x7f\x7f\x7f"]
)
def test_a_file_that_no_parser_understands_is_listed_by_its_names(root: Path, content: bytes) -> None:
    (root / "The Artist" / "The Album").mkdir(parents=True)
    (root / "The Artist" / "The Album" / "07 - Song.mp3").write_bytes(content)
    track = next(track for track in look(root).tracks if track.path.endswith("Song.mp3"))
    assert (track.title, track.artist, track.album) == ("07 - Song", "The Artist", "The Album")


def test_times_beyond_the_common_are_signatures_too(root: Path) -> None:
    write_wave(root / "future.wav")
    write_wave(root / "epoch.wav")
    os.utime(root / "future.wav", (4_294_967_296, 4_294_967_296))
    os.utime(root / "epoch.wav", (0, 0))
    signatures = {track.path: track.signature.partition(":")[2] for track in look(root).tracks}
    assert (signatures["future.wav"], signatures["epoch.wav"]) == ("4294967296000000", "0")


def test_a_root_that_is_a_file_is_refused(root: Path) -> None:
    with pytest.raises(BackendUnavailable, match="is not there"):
        look(root / "good.wav")


def look(root: Path) -> Listing:
    (listing,) = FolderSource(root).listings({})
    return listing


def paths(root: Path) -> list[str]:
    return sorted(track.path for track in look(root).tracks)
