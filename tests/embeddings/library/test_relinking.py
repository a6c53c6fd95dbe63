"""Tracks keep our ids when Navidrome rewrites its own, and when another source lists them."""

import os
import sqlite3
from pathlib import Path

import pytest

from embeddings.library.clean import name_key
from embeddings.library.folder import FolderSource
from embeddings.library.navidrome import NavidromeSource
from embeddings.library.navidrome_ids import canonical
from embeddings.library.sync import SyncReport, sync
from embeddings.models import Library, Track
from tests.embeddings.library.shelves import (
    FolderShelf,
    NavidromeShelf,
    add_row,
    changing,
    make_navidrome,
    write_wave,
)

pytestmark = pytest.mark.django_db
MBID = "9c9f1380-2516-4fc9-a3e6-f9f61941d090"


class TestIdsOfNavidrome:
    def test_all_ids_rewritten_and_all_files_moved(self, navidrome: NavidromeShelf) -> None:
        for number in range(20):
            add_row(navidrome.database, id=f"{number:032x}", library_id=1, path=f"{number}.mp3", size=number + 1)
        sync(navidrome.source)
        before = {track.navidrome_id: track.id for track in Track.objects.all()}
        with changing(navidrome.database) as database:
            database.create_function("canonical", 1, canonical)
            database.execute("UPDATE media_file SET id = canonical(id), path = 'moved/' || path, size = size + 1")
        found = one(navidrome)
        assert (found.relinked, found.moved, found.added, found.gone) == (20, 20, 0, 0)
        assert {track.navidrome_id: track.id for track in Track.objects.all()} == {
            canonical(old): ours for old, ours in before.items()
        }

    def test_an_old_id_that_navidrome_still_uses_is_enough(self, navidrome: NavidromeShelf) -> None:
        add_row(navidrome.database, id="e3b7fc2ae9447bbec37a13bf916e3cf6", library_id=1, path="a.mp3")
        ours = sole(navidrome).id
        navidrome.execute("UPDATE media_file SET path = 'b.mp3', title = 'B', size = 77")
        found = one(navidrome)
        assert (found.moved, found.changed, found.relinked, found.added) == (1, 1, 0, 0)
        assert Track.objects.get().id == ours

    def test_a_database_made_anew_is_linked_by_path(self, navidrome: NavidromeShelf) -> None:
        navidrome.put("a.mp3", "A")
        ours = sole(navidrome).id
        navidrome.execute("UPDATE media_file SET id = 'entirely new', title = 'B', size = 77")
        assert one(navidrome).relinked == 1
        assert (Track.objects.get().id, Track.objects.get().navidrome_id) == (ours, "entirely new")

    def test_a_recording_moved_and_retagged_is_linked_by_its_mbid(self, navidrome: NavidromeShelf) -> None:
        add_row(navidrome.database, id="1", library_id=1, path="a.mp3", mbz_recording_id=MBID, duration=200.0)
        ours = sole(navidrome).id
        navidrome.execute("UPDATE media_file SET id = '2', path = 'b.mp3', title = 'B', size = 77, duration = 200.9")
        found = one(navidrome)
        assert (found.relinked, found.moved, found.changed, found.added) == (1, 1, 1, 0)
        assert Track.objects.get().id == ours

    def test_a_recording_of_another_length_is_another_track(self, navidrome: NavidromeShelf) -> None:
        add_row(navidrome.database, id="1", library_id=1, path="a.mp3", mbz_recording_id=MBID, duration=200.0)
        sync(navidrome.source)
        navidrome.execute("UPDATE media_file SET id = '2', path = 'b.mp3', size = 77, duration = 202.0")
        found = one(navidrome)
        assert (found.added, found.gone) == (1, 1)

    def test_a_recording_that_could_be_either_of_two_is_a_new_track(self, navidrome: NavidromeShelf) -> None:
        for name in ("1", "2"):
            add_row(navidrome.database, id=name, library_id=1, path=name, mbz_recording_id=MBID, size=int(name))
        sync(navidrome.source)
        navidrome.execute("DELETE FROM media_file WHERE id = '1'")
        navidrome.execute("UPDATE media_file SET id = '3', path = '3', size = 77")
        found = one(navidrome)
        assert (found.added, found.gone) == (1, 2)

    def test_a_track_that_changed_library_keeps_its_id(self, navidrome: NavidromeShelf) -> None:
        navidrome.execute("INSERT INTO library VALUES (2, 'Second', '/music/second')")
        navidrome.put("a.mp3", "A")
        sync(navidrome.source)
        ours = Track.objects.get().id
        navidrome.execute("UPDATE media_file SET library_id = 2")
        assert [report.moved for report in sync(navidrome.source)] == [0, 1]
        assert (Track.objects.get().id, Track.objects.get().library.name) == (ours, "Second")

    def test_a_library_that_navidrome_dropped_leaves_its_tracks_marked(self, navidrome: NavidromeShelf) -> None:
        navidrome.execute("INSERT INTO library VALUES (2, 'Second', '/elsewhere')")
        add_row(navidrome.database, id="x", library_id=1, path="a.mp3")
        add_row(navidrome.database, id="y", library_id=2, path="b.mp3")
        sync(navidrome.source)
        navidrome.execute("DELETE FROM library WHERE id = 2")
        navidrome.execute("DELETE FROM media_file WHERE library_id = 2")
        assert {report.library: report.gone for report in sync(navidrome.source)} == {"Music": 0, "Second": 1}

    def test_a_change_of_daylight_saving_is_no_change(self, navidrome: NavidromeShelf) -> None:
        add_row(navidrome.database, id="x", library_id=1, path="a.mp3", updated_at="2024-07-01 14:00:00+02:00")
        sync(navidrome.source)
        navidrome.execute("UPDATE media_file SET updated_at = '2024-07-01 13:00:00+01:00'")
        assert one(navidrome).unchanged == 1

    def test_another_path_map_moves_the_library_and_no_track(self, navidrome: NavidromeShelf) -> None:
        navidrome.put("a.mp3", "A")
        sync(navidrome.source)
        (report,) = sync(NavidromeSource(navidrome.database, [("/music", "/mnt/new")]))
        assert report.unchanged == 1
        assert Library.objects.get().root == "/mnt/new"

    def test_rows_written_by_a_running_navidrome_are_seen(self, navidrome: NavidromeShelf) -> None:
        writer = sqlite3.connect(navidrome.database, isolation_level=None)
        writer.execute("INSERT INTO media_file (id, path, library_id, missing) VALUES ('1', 'a.mp3', 1, 0)")
        found = one(navidrome)
        writer.close()
        assert found.added == 1


class TestChangeOfSource:
    def test_navidrome_takes_over_the_tracks_of_the_same_folder(self, tmp_path: Path) -> None:
        music, database = self._both(tmp_path, "/music")
        sync(FolderSource(music))
        before = dict(Track.objects.values_list("path", "id"))
        signatures = dict(Track.objects.values_list("path", "signature"))
        (report,) = sync(NavidromeSource(database, [("/music", str(music))]))
        assert (report.relinked, report.added, report.gone) == (2, 0, 0)
        assert dict(Track.objects.values_list("path", "id")) == before
        assert dict(Track.objects.values_list("path", "signature")) == signatures
        assert Library.objects.get().source == "navidrome"

    def test_the_folder_takes_them_back_and_keeps_navidromes_ids(self, tmp_path: Path) -> None:
        music, database = self._both(tmp_path, "/music")
        sync(NavidromeSource(database, [("/music", str(music))]))
        before = dict(Track.objects.values_list("id", "navidrome_id"))
        (report,) = sync(FolderSource(music))
        assert (report.added, report.gone) == (0, 0)
        assert dict(Track.objects.values_list("id", "navidrome_id")) == before
        # Keys of two kinds side by side would make one artist two.
        assert set(Track.objects.values_list("artist_key", flat=True)) == {name_key("Artist")}

    def test_a_folder_above_gives_its_tracks_to_the_libraries_below(self, tmp_path: Path) -> None:
        music, database = self._both(tmp_path, "/music/Album")
        with changing(database) as connection:
            connection.execute("UPDATE media_file SET path = substr(path, 7)")
        sync(FolderSource(music))
        before = set(Track.objects.values_list("id", flat=True))
        reports = {report.library: report for report in sync(NavidromeSource(database, [("/music", str(music))]))}
        assert (reports["Music"].moved, reports["Music"].added) == (2, 0)
        assert set(Track.objects.values_list("id", flat=True)) == before

    def test_tracks_of_a_source_no_longer_configured_are_marked(self, tmp_path: Path, folder: FolderShelf) -> None:
        folder.put("a.wav", "A")
        sync(folder.source)
        database = tmp_path / "n.db"
        make_navidrome(database, "0.58", libraries=[(1, "Other", "/other")])
        add_row(database, id="1", library_id=1, path="b.mp3", size=5)
        assert sum(report.gone for report in sync(NavidromeSource(database))) == 1
        assert [track.path for track in Track.objects.present()] == ["b.mp3"]

    @staticmethod
    def _both(tmp_path: Path, library: str) -> tuple[Path, Path]:
        """Two files, and the database of a Navidrome that scanned them."""
        music, database = tmp_path / "music", tmp_path / "navidrome.db"
        (music / "Album").mkdir(parents=True)
        make_navidrome(database, "0.58", libraries=[(1, "Music", library)])
        for name in ("a", "b"):
            file = music / "Album" / f"{name}.wav"
            write_wave(file, title=name)
            os.utime(file, ns=(0, 1_719_835_200_123_456_789 + ord(name)))
            moment, size = "2024-07-01 14:00:00.123456789+02:00", file.stat().st_size
            add_row(database, id=name, library_id=1, path=f"Album/{name}.wav", size=size, updated_at=moment)
        return music, database


def one(shelf: FolderShelf | NavidromeShelf) -> SyncReport:
    (report,) = sync(shelf.source)
    return report


def sole(shelf: FolderShelf | NavidromeShelf) -> Track:
    sync(shelf.source)
    return Track.objects.get()
