"""Another folder or database is another library, whose tracks take nothing from the one before; a moved one is not."""

import os
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from embeddings.conf import KeepingConfig
from embeddings.jobs.following import follow
from embeddings.library.folder import FolderSource
from embeddings.library.navidrome import NavidromeSource
from embeddings.library.sync import SyncReport, sync
from embeddings.models import Library, Track
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.stored import store_vectors
from tests.embeddings.library.shelves import add_row, changing, make_navidrome, write_wave

pytestmark = pytest.mark.django_db
AT_ONCE = KeepingConfig(schedule="", gone_days=0, poll_seconds=0)
PATHS = [f"Album/{number}.wav" for number in range(10)]


def fill(folder: Path, *, titles: str = "") -> Path:
    """Ten files at the same paths in each folder; with other titles they are other music."""
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_wave(folder / path, title=f"{path} {titles}")
    return folder


def database(file: Path, *, title: str, root: str = "/music") -> Path:
    """A Navidrome whose only library has the number and the path that they all have."""
    make_navidrome(file, "0.58", libraries=[(1, "Music", root)])
    for path in PATHS:
        add_row(file, id=f"{title} {path}", library_id=1, path=path, title=title, size=1000 + len(title))
    return file


def ids() -> dict[str, UUID]:
    """Our ids of present tracks, by path."""
    return dict(Track.objects.present().values_list("path", "id"))


def counts(*reports: SyncReport) -> tuple[int, int, int, int]:
    """Over all libraries: unchanged, returned, added, gone."""
    return tuple(sum(getattr(one, name) for one in reports) for name in ("unchanged", "returned", "added", "gone"))


def test_vectors_of_another_folder_are_kept_and_found_again(tmp_path: Path) -> None:
    first, second = fill(tmp_path / "a"), fill(tmp_path / "b", titles="another")
    sync(FolderSource(first))
    before, store = ids(), MemoryStore()
    generation = store_vectors(store, list(Track.objects.all()))
    assert counts(*sync(FolderSource(second))) == (0, 0, 10, 10)
    assert ids().keys() == before.keys()
    assert not set(ids().values()) & set(before.values())
    assert follow(store, AT_ONCE).removed == 0
    assert counts(*sync(FolderSource(first))) == (0, 10, 0, 10)
    assert ids() == before
    assert store.count(generation.collection) == 10


def test_what_is_removed_from_a_folder_is_still_taken_out(tmp_path: Path) -> None:
    music = fill(tmp_path / "a")
    sync(FolderSource(music))
    store = MemoryStore()
    store_vectors(store, list(Track.objects.all()))
    (music / PATHS[3]).unlink()
    sync(FolderSource(music))
    assert follow(store, AT_ONCE).removed == 1


@pytest.mark.parametrize("with_times", [True, False])
def test_a_folder_that_moved_is_the_same(tmp_path: Path, with_times: bool) -> None:
    music = fill(tmp_path / "a")
    sync(FolderSource(music))
    before, library = ids(), Library.objects.get().pk
    shutil.copytree(music, tmp_path / "b", copy_function=shutil.copy2 if with_times else shutil.copyfile)
    if not with_times:
        for path in PATHS:
            os.utime(tmp_path / "b" / path, (1_800_000_000, 1_800_000_000))
    sync(FolderSource(tmp_path / "b"))
    assert ids() == before
    assert (Library.objects.get().pk, Library.objects.get().root) == (library, str(tmp_path / "b"))


def test_a_part_of_a_folder_takes_its_tracks_along_and_gives_them_back(tmp_path: Path) -> None:
    music = fill(tmp_path / "a")
    write_wave(music / "outside.wav", title="outside")
    sync(FolderSource(music))
    before = ids()
    assert counts(*sync(FolderSource(music / "Album"))) == (0, 0, 0, 1)
    assert {f"Album/{path}": found for path, found in ids().items()} == {path: before[path] for path in PATHS}
    sync(FolderSource(music))
    assert ids() == before


def test_another_navidrome_is_another_library_whatever_its_number(tmp_path: Path) -> None:
    first = NavidromeSource(database(tmp_path / "a.db", title="one"), [("/music", "/mnt/a")])
    second = NavidromeSource(database(tmp_path / "b.db", title="other"), [("/music", "/mnt/b")])
    sync(first)
    before = ids()
    assert counts(*sync(second)) == (0, 0, 10, 10)
    assert dict(Library.objects.values_list("root", "external_id")) == {"/mnt/a": 2, "/mnt/b": 1}
    assert counts(*sync(first)) == (0, 10, 0, 10)
    assert ids() == before
    assert Library.objects.get(external_id=1).root == "/mnt/a"


def test_libraries_that_swap_their_numbers_keep_their_tracks(tmp_path: Path) -> None:
    file = database(tmp_path / "a.db", title="one")
    with changing(file) as opened:
        opened.execute("INSERT INTO library VALUES (2, 'Second', '/second')")
    add_row(file, id="x", library_id=2, path="x.mp3")
    sync(NavidromeSource(file))
    before = dict(Track.objects.values_list("id", "library__root"))
    with changing(file) as opened:
        opened.execute("UPDATE library SET path = CASE id WHEN 1 THEN '/second' ELSE '/music' END")
        opened.execute("UPDATE media_file SET library_id = 3 - library_id")
    sync(NavidromeSource(file))
    assert dict(Track.objects.values_list("id", "library__root")) == before
    assert dict(Library.objects.values_list("root", "external_id")) == {"/music": 2, "/second": 1}
