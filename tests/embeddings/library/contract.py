"""What every music source and the catalogue behind it must satisfy; a new source inherits this suite."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from embeddings.errors import BackendUnavailable
from embeddings.library.sync import SyncReport, sync
from embeddings.models import Track
from tests.embeddings.library.shelves import Shelf


@pytest.mark.django_db
class SourceContract:
    """Subclasses bring a `shelf` fixture: an empty library of their source."""

    @pytest.fixture
    def shelf(self) -> Shelf:
        raise NotImplementedError

    @pytest.fixture
    def three(self, shelf: Shelf) -> dict[str, UUID]:
        for name in "abc":
            shelf.put(f"Album/{name}.wav", name.upper())
        report(shelf)
        return ids()

    def test_first_look_adds_everything(self, shelf: Shelf) -> None:
        shelf.put("Album/a.wav", "A")
        assert report(shelf).added == 1
        track = Track.objects.get()
        assert (track.path, track.title, track.artist, track.album) == ("Album/a.wav", "A", "Artist", "Album")

    def test_a_listing_says_the_same_twice(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        assert shelf.source.listings({}) == shelf.source.listings({})

    def test_second_look_writes_nothing(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert report(shelf).unchanged == 3
        assert [q["sql"] for q in queries if not q["sql"].startswith("SELECT")] == []
        assert len(queries) < 6

    def test_retagged_file_keeps_its_id_and_gets_a_new_signature(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        before = Track.objects.get(path="Album/a.wav")
        shelf.retag("Album/a.wav", "A, remastered")
        assert report(shelf).changed == 1
        after = Track.objects.get(id=before.id)
        assert after.title == "A, remastered"
        assert after.signature != before.signature

    def test_moved_file_keeps_its_id_and_its_signature(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        before = Track.objects.get(path="Album/a.wav")
        shelf.move("Album/a.wav", "Elsewhere/a, renamed.wav")
        found = report(shelf)
        after = Track.objects.get(path="Elsewhere/a, renamed.wav")
        assert (found.moved, found.added, found.gone, found.changed) == (1, 0, 0, 0)
        assert (after.id, after.signature) == (before.id, before.signature)

    def test_removed_file_is_marked_and_kept(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.remove("Album/a.wav")
        assert report(shelf).gone == 1
        assert ids() == three
        assert Track.objects.get(missing_since__isnull=False).path == "Album/a.wav"

    def test_removed_file_is_marked_once(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.remove("Album/a.wav")
        report(shelf)
        assert report(shelf).gone == 0

    def test_restored_file_is_the_same_track(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.remove("Album/a.wav")
        report(shelf)
        shelf.restore("Album/a.wav")
        found = report(shelf)
        assert (found.returned, found.added) == (1, 0)
        assert ids() == three
        assert not Track.objects.filter(missing_since__isnull=False).exists()

    def test_two_files_that_swap_their_paths_keep_their_ids(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.move("Album/a.wav", "x.wav")
        shelf.move("Album/b.wav", "Album/a.wav")
        shelf.move("x.wav", "Album/b.wav")
        assert report(shelf).moved == 2
        assert ids() == three | {"Album/a.wav": three["Album/b.wav"], "Album/b.wav": three["Album/a.wav"]}

    def test_three_files_that_change_places_in_a_ring_keep_their_ids(
        self, shelf: Shelf, three: dict[str, UUID]
    ) -> None:
        shelf.move("Album/a.wav", "x.wav")
        shelf.move("Album/c.wav", "Album/a.wav")
        shelf.move("Album/b.wav", "Album/c.wav")
        shelf.move("x.wav", "Album/b.wav")
        assert report(shelf).moved == 3
        assert ids()["Album/b.wav"] == three["Album/a.wav"]

    def test_a_file_may_move_to_the_path_of_a_removed_one(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.remove("Album/a.wav")
        shelf.move("Album/b.wav", "Album/a.wav")
        found = report(shelf)
        assert (found.moved, found.gone, found.added) == (1, 1, 0)
        assert Track.objects.present().get(path="Album/a.wav").id == three["Album/b.wav"]

    def test_a_new_file_at_the_path_of_a_moved_one_is_a_new_track(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.move("Album/a.wav", "Album/z.wav")
        shelf.put("Album/a.wav", "Another")
        found = report(shelf)
        assert (found.moved, found.added, found.gone) == (1, 1, 0)
        assert ids()["Album/z.wav"] == three["Album/a.wav"]

    def test_a_source_that_vanished_takes_nothing_away(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        shelf.vanish()
        with pytest.raises(BackendUnavailable):
            sync(shelf.source)
        assert Track.objects.present().count() == 3

    def test_a_source_that_lists_nothing_is_not_believed(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        for name in "abc":
            shelf.remove(f"Album/{name}.wav")
        with pytest.raises(BackendUnavailable, match="--allow-empty"):
            sync(shelf.source)
        assert Track.objects.present().count() == 3

    def test_an_emptied_library_is_believed_when_a_person_says_so(self, shelf: Shelf, three: dict[str, UUID]) -> None:
        for name in "abc":
            shelf.remove(f"Album/{name}.wav")
        (found,) = sync(shelf.source, allow_empty=True)
        assert found.gone == 3

    def test_names_that_differ_in_case_or_unicode_form_are_different_tracks(self, shelf: Shelf) -> None:
        names = {"Case.wav", "case.wav", "caf\u00e9.wav", "cafe\u0301.wav", "new\nline.wav", "🎵 日本語.wav"}
        for name in names:
            shelf.put(name, name)
        assert report(shelf).added == len(names)
        assert set(ids()) == names
        assert report(shelf).unchanged == len(names)


def report(shelf: Shelf) -> SyncReport:
    """Synchronise a source of one library."""
    (found,) = sync(shelf.source)
    return found


def ids() -> dict[str, UUID]:
    """Our ids by path."""
    return dict(Track.objects.values_list("path", "id"))
