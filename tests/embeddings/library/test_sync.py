"""What the catalogue makes of changes in a folder, of what could not be seen, and of interruptions."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from embeddings.errors import BackendUnavailable
from embeddings.library.base import Known, Listing, SourceLibrary, SourceTrack
from embeddings.library.sync import SyncReport, sync
from embeddings.models import Track
from tests.embeddings.library.shelves import (
    FolderShelf,
    NavidromeShelf,
)

pytestmark = pytest.mark.django_db


class TestFolder:
    def test_a_file_renamed_within_one_second_of_another_is_told_apart_by_its_tags(self, folder: FolderShelf) -> None:
        for name in "ab":
            folder.put(f"{name}.wav", name)
            os.utime(folder.root / f"{name}.wav", (1_700_000_000, 1_700_000_000))
        one(folder)
        before = dict(Track.objects.values_list("title", "id"))
        folder.move("a.wav", "x.wav")
        folder.move("b.wav", "y.wav")
        assert one(folder).moved == 2
        assert dict(Track.objects.values_list("title", "id")) == before

    def test_a_file_without_tags_may_be_renamed(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "")
        ours = sole(folder).id
        folder.move("a.wav", "b.wav")
        found = one(folder)
        assert (found.moved, found.added) == (1, 0)
        assert (Track.objects.get().id, Track.objects.get().title) == (ours, "b")

    def test_twins_that_move_together_are_new_tracks(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "A")
        shutil.copy2(folder.root / "a.wav", folder.root / "b.wav")
        one(folder)
        folder.move("a.wav", "c.wav")
        folder.move("b.wav", "d.wav")
        found = one(folder)
        assert (found.added, found.gone, found.moved) == (2, 2, 0)

    def test_a_copy_is_a_new_track(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "A")
        ours = sole(folder).id
        shutil.copy2(folder.root / "a.wav", folder.root / "b.wav")
        assert one(folder).added == 1
        assert Track.objects.get(path="a.wav").id == ours

    def test_a_replaced_file_is_the_same_track_with_another_signature(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "A")
        before = sole(folder)
        folder.put("a.wav", "Something else entirely")
        assert one(folder).changed == 1
        after = Track.objects.get()
        assert after.id == before.id
        assert after.signature != before.signature

    def test_a_restored_file_finds_its_row_although_another_took_its_path(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "A")
        folder.put("b.wav", "B")
        one(folder)
        ours = dict(Track.objects.values_list("title", "id"))
        folder.remove("a.wav")
        folder.move("b.wav", "a.wav")
        one(folder)
        folder.move("a.wav", "b.wav")
        folder.restore("a.wav")
        found = one(folder)
        assert (found.moved, found.returned, found.added) == (1, 1, 0)
        assert dict(Track.objects.present().values_list("title", "id")) == ours

    def test_rereading_finds_tags_that_size_and_time_hide(self, folder: FolderShelf) -> None:
        folder.put("a.wav", "Old")
        sync(folder.source)
        before = (folder.root / "a.wav").stat()
        folder.retag("a.wav", "New")
        os.utime(folder.root / "a.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert one(folder).unchanged == 1
        (report,) = sync(folder.source, reread=True)
        assert report.changed == 1
        assert Track.objects.get().title == "New"


@dataclass
class FixedSource:
    """A source that says what it is told to."""

    tracks: list[SourceTrack]
    unseen: list[str]
    kind: str = "fixed"
    root: str = "/fixed"

    def listings(self, known: Known) -> Sequence[Listing]:
        library = SourceLibrary(external_id=1, name="Fixed", root="/fixed")
        return [Listing(library=library, tracks=self.tracks, unseen=self.unseen)]


def track(path: str, size: int = 1) -> SourceTrack:
    return SourceTrack(
        library_external_id=1,
        path=path,
        signature=f"{size}:1234567",
        size=size,
        title="T",
        artist="",
        album="",
        album_artist="",
        artist_key="",
        album_key="",
    )


class TestWhatCouldNotBeSeen:
    def test_tracks_below_a_closed_folder_are_kept(self) -> None:
        sync(FixedSource([track("open/a", 1), track("closed/b", 2), track("closed too/c", 3)], []))
        (report,) = sync(FixedSource([track("open/a", 1)], ["closed/"]))
        assert report.gone == 1
        assert set(present()) == {"open/a", "closed/b"}

    def test_a_file_that_could_not_be_looked_at_is_kept(self) -> None:
        sync(FixedSource([track("a", 1), track("b", 2)], []))
        (report,) = sync(FixedSource([track("a", 1)], ["b"]))
        assert report.gone == 0

    def test_a_track_below_a_closed_folder_does_not_move_out_of_it(self) -> None:
        sync(FixedSource([track("open/a", 1), track("closed/b", 2)], []))
        before = present()
        sync(FixedSource([track("open/a", 1), track("open/b", 2)], ["closed/"]))
        assert present().items() > before.items()


class TestWriting:
    def test_an_interrupted_synchronisation_is_completed_by_the_next(self, navidrome: NavidromeShelf) -> None:
        for name in "ab":
            navidrome.put(name, name)
        sync(navidrome.source)
        before = dict(Track.objects.values_list("title", "id"))
        # What is on disk after the paths to swap were set aside and nothing else was written.
        Track.objects.update(missing_since="2024-01-01T00:00Z")
        navidrome.execute("UPDATE media_file SET path = CASE path WHEN 'a' THEN 'b' ELSE 'a' END")
        sync(navidrome.source)
        assert dict(Track.objects.present().values_list("title", "id")) == before
        assert set(present()) == {"a", "b"}

    @pytest.mark.django_db(transaction=True)
    def test_a_race_with_another_synchronisation_is_said_and_nothing_is_doubled(self) -> None:
        class Slow(FixedSource):
            def listings(self, known: Known) -> Sequence[Listing]:
                sync(FixedSource(self.tracks, []))
                return super().listings(known)

        with pytest.raises(BackendUnavailable, match="try again"):
            sync(Slow([track("a")], []))
        assert Track.objects.count() == 1

    def test_thousands_of_rows_swap_their_paths(self) -> None:
        tracks = [replace(track(f"{n}", n), navidrome_id=f"id {n}") for n in range(2500)]
        sync(FixedSource(tracks, []))
        before = dict(Track.objects.values_list("navidrome_id", "id"))
        backwards = [replace(there, path=here.path) for here, there in zip(tracks, reversed(tracks), strict=True)]
        (report,) = sync(FixedSource(backwards, []))
        assert report.moved == 2500
        assert dict(Track.objects.values_list("navidrome_id", "id")) == before
        assert Track.objects.get(path="0").navidrome_id == "id 2499"

    def test_the_longest_path_fits_the_index(self) -> None:
        longest = "".join(chr(0x4E00 + (n * n * 7919) % 20_000) for n in range(866))
        sync(FixedSource([track(longest)], []))
        assert Track.objects.get().path == longest


def one(shelf: FolderShelf | NavidromeShelf) -> SyncReport:
    (report,) = sync(shelf.source)
    return report


def sole(shelf: FolderShelf | NavidromeShelf) -> Track:
    sync(shelf.source)
    return Track.objects.get()


def present() -> dict[str, UUID]:
    return dict(Track.objects.present().values_list("path", "id"))
