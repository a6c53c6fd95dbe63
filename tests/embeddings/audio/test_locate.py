"""A track's path leads to a file inside its library, or to a sentence."""

from pathlib import Path

import pytest

from embeddings.audio.locate import resolve
from embeddings.errors import AudioMissing, PathOutsideLibrary


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    (root / "album").mkdir(parents=True)
    (root / "album" / "song.mp3").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "music2").mkdir()
    (tmp_path / "music2" / "song.mp3").write_bytes(b"x")
    return root


def test_a_path_inside_is_found(library: Path) -> None:
    assert resolve(str(library), "album/song.mp3") == bytes(library.resolve() / "album" / "song.mp3")


def test_a_link_inside_is_followed(library: Path) -> None:
    (library / "link.mp3").symlink_to("album/song.mp3")
    assert resolve(str(library), "link.mp3") == bytes(library.resolve() / "album" / "song.mp3")


def test_a_root_that_is_a_link_is_followed(library: Path) -> None:
    (library.parent / "alias").symlink_to(library)
    assert resolve(str(library.parent / "alias"), "album/song.mp3").endswith(b"/music/album/song.mp3")


@pytest.mark.parametrize("path", ["../secret", "album/../../secret", "/etc/passwd", "..", "../music2/song.mp3"])
def test_a_path_that_leads_out_is_refused(library: Path, path: str) -> None:
    with pytest.raises(PathOutsideLibrary):
        resolve(str(library), path)


@pytest.mark.parametrize("target", ["../secret", "../music2/song.mp3", "/etc/passwd", ".."])
def test_a_link_that_leads_out_is_refused(library: Path, target: str) -> None:
    (library / "link").symlink_to(target)
    with pytest.raises(PathOutsideLibrary):
        resolve(str(library), "link")


def test_a_linked_folder_that_leads_out_is_refused(library: Path) -> None:
    (library / "more").symlink_to("../music2")
    with pytest.raises(PathOutsideLibrary):
        resolve(str(library), "more/song.mp3")


@pytest.mark.parametrize("path", ["gone.mp3", "album/song.mp3/x", "a\0b", "a\udce9b", "x" * 300, "y/" * 3000])
def test_what_is_not_there_is_missing(library: Path, path: str) -> None:
    with pytest.raises(AudioMissing):
        resolve(str(library), path)


def test_a_missing_root_is_missing(library: Path) -> None:
    with pytest.raises(AudioMissing, match="not mounted"):
        resolve(str(library / "gone"), "album/song.mp3")
