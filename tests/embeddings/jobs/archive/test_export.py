"""Exporting: whole, resumable, and careful about what else is in a folder."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from embeddings.domain import VectorRow
from embeddings.errors import Refused
from embeddings.jobs import archive
from embeddings.jobs.archive import Stopped, exporting, parts
from embeddings.jobs.archive.manifest import DRAFT, MANIFEST, Manifest, read_manifest
from embeddings.models import Generation, Track, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.archive.library import SPEC, add, fill, make_tracks

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory() -> VectorStore:
    return MemoryStore()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one"


WIDE = dataclasses.replace(SPEC, dimension=32_768)
"""So wide that 32 rows fill a page."""


@pytest.fixture
def generation(memory: VectorStore) -> Generation:
    """80 vectors, on three pages."""
    return fill(make_tracks(80), memory, spec=WIDE)


def export(
    generation: Generation, place: Path, store: VectorStore, *, pages: int = 10_000, allow_lacking: bool = False
) -> Manifest:
    """Export, each page into a part of its own; told to stop after some."""
    left = iter([False] * pages + [True])
    one = exporting.Export(generation, place, store, lambda _: None, lambda: next(left))
    one.part_bytes = 1
    return one.run(allow_lacking=allow_lacking)


def ids_in(place: Path, manifest: Manifest) -> list[str]:
    return [row.id for part in manifest.parts for rows in parts.read(place / part.name) for row in rows]


def test_an_archive_says_what_it_holds(generation: Generation, memory: VectorStore, place: Path) -> None:
    manifest = export(generation, place, memory)
    told = json.loads((place / MANIFEST).read_text())
    assert [part.rows for part in manifest.parts] == [32, 32, 16]
    assert (told["count"], told["model"], told["dimension"], told["version"]) == (80, "acoustic", 32_768, 1)
    assert read_manifest(place / MANIFEST) == manifest
    for part in manifest.parts:
        content = (place / part.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (part.bytes, part.sha256)
    assert {path.name for path in place.iterdir()} == {MANIFEST, *(part.name for part in manifest.parts)}


def test_every_vector_is_there_once_with_what_names_its_track(
    generation: Generation, memory: VectorStore, place: Path
) -> None:
    manifest = export(generation, place, memory)
    rows = [row for part in manifest.parts for page in parts.read(place / part.name) for row in page]
    assert sorted(row.id for row in rows) == sorted(
        str(pk) for pk in generation.vectors.values_list("track", flat=True)
    )
    held = TrackVector.objects.select_related("track__library").get(generation=generation, track_id=rows[7].id)
    track = held.track
    assert (rows[7].path, rows[7].signature, rows[7].title) == (track.path, held.signature, track.title)
    assert (rows[7].library_source, rows[7].library_external_id) == ("folder", 1)
    assert (rows[7].navidrome_id, rows[7].duration) == (track.navidrome_id, track.duration)


def test_a_broken_off_export_goes_on_after_its_last_part(
    generation: Generation, memory: VectorStore, place: Path
) -> None:
    with pytest.raises(Stopped):
        export(generation, place, memory, pages=1)
    begun = read_manifest(place / DRAFT)
    assert (begun.count, (place / MANIFEST).exists()) == (32, False)
    written = (place / begun.parts[0].name).stat().st_mtime_ns
    manifest = export(generation, place, memory)
    assert manifest.parts[0] == begun.parts[0]
    assert (place / begun.parts[0].name).stat().st_mtime_ns == written
    assert len(set(ids_in(place, manifest))) == manifest.count == 80
    assert not (place / DRAFT).exists()


def test_a_part_that_was_damaged_meanwhile_is_written_again(
    generation: Generation, memory: VectorStore, place: Path
) -> None:
    with pytest.raises(Stopped):
        export(generation, place, memory, pages=2)
    damaged = place / read_manifest(place / DRAFT).parts[1].name
    damaged.write_bytes(damaged.read_bytes()[:-9])
    (place / (damaged.name.replace("00002", "00003") + ".new")).write_bytes(b"half")
    manifest = export(generation, place, memory)
    assert len(set(ids_in(place, manifest))) == manifest.count == 80
    assert len(list(place.iterdir())) == 4


def test_a_complete_archive_stays_until_the_next_one_is(
    generation: Generation, memory: VectorStore, place: Path
) -> None:
    old = export(generation, place, memory)
    add(generation, make_tracks(10), memory)
    with pytest.raises(Stopped):
        export(generation, place, memory, pages=1)
    assert read_manifest(place / MANIFEST) == old
    assert len(ids_in(place, old)) == 80
    new = export(generation, place, memory)
    assert (new.count, read_manifest(place / MANIFEST)) == (90, new)
    assert {path.name for path in place.iterdir()} == {MANIFEST, *(part.name for part in new.parts)}


class Growing(MemoryStore):
    """A store into which a job writes while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.generation: Generation | None = None

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        for page in super().rows(collection, after=after):
            yield page
            if self.generation is not None:
                generation, self.generation = self.generation, None
                add(generation, make_tracks(40), self, seed=9)


def test_what_is_written_while_others_are_read_is_exported_as_well(place: Path) -> None:
    store = Growing()
    generation = fill(make_tracks(1200), store)
    store.generation = generation
    manifest = archive.export(generation, place, store)
    assert (manifest.count, len(set(ids_in(place, manifest)))) == (1240, 1240)


class Racing(Growing):
    """A store in which a track is embedded again after its page was read and before anybody looks at it."""

    def rows(self, collection: str, *, after: str = "") -> Iterator[list[VectorRow]]:
        for page in MemoryStore.rows(self, collection, after=after):
            if self.generation is not None:
                generation, self.generation = self.generation, None
                Track.objects.filter(pk=page[0].id).update(signature="9:9")
                add(generation, list(Track.objects.filter(pk=page[0].id)), self, seed=9)
            yield page


def test_a_vector_never_goes_with_the_signature_of_a_later_one(place: Path) -> None:
    store = Racing()
    generation = fill(make_tracks(5), store)
    store.generation = generation
    manifest = archive.export(generation, place, store)
    rows = [row for part in manifest.parts for page in parts.read(place / part.name) for row in page]
    (changed,) = [row for row in rows if row.signature == "9:9"]
    assert changed.embedding.tobytes() == store.fetch(generation.collection, [changed.id])[changed.id].tobytes()
    assert len(rows) == 5


def test_vectors_that_the_store_lost_are_said(generation: Generation, memory: VectorStore, place: Path) -> None:
    lost = [str(pk) for pk in generation.vectors.values_list("track", flat=True)[:3]]
    memory.delete(generation.collection, lost)
    with pytest.raises(Refused, match=r"lacks the vectors of 3 tracks .*the store has 77"):
        archive.export(generation, place, memory)
    assert not (place / MANIFEST).exists()
    manifest = archive.export(generation, place, memory, allow_lacking=True)
    assert (manifest.count, manifest.lacking) == (77, 3)


def test_vectors_that_nobody_claims_are_left_out(generation: Generation, memory: VectorStore, place: Path) -> None:
    generation.vectors.filter(track__title="Title 5").delete()
    said: list[str] = []
    assert archive.export(generation, place, memory, report=said.append).count == 79
    assert said[-1].startswith("1 vectors that no track")


def test_a_folder_of_another_generation_is_refused(generation: Generation, memory: VectorStore, place: Path) -> None:
    archive.export(generation, place, memory)
    other = fill(make_tracks(3), memory, state="building")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with pytest.raises(Refused, match=r"holds an archive of acoustic_embedding_g0001; name another folder"):
        archive.export(other, place, memory)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_a_folder_in_which_nothing_was_exported_yet_is_free(
    generation: Generation, memory: VectorStore, place: Path
) -> None:
    with pytest.raises(Stopped):
        export(generation, place, memory, pages=0)
    other = fill(make_tracks(3), memory, state="building")
    assert archive.export(other, place, memory).count == 3


def test_a_folder_with_anything_else_in_it_is_refused(generation: Generation, memory: VectorStore, place: Path) -> None:
    place.mkdir(parents=True)
    (place / "letters.txt").write_text("dear")
    with pytest.raises(Refused, match=r"holds letters\.txt, which no export has written"):
        archive.export(generation, place, memory)
    assert [path.name for path in place.iterdir()] == ["letters.txt"]


def test_links_in_a_folder_are_refused(generation: Generation, memory: VectorStore, place: Path) -> None:
    archive.export(generation, place, memory)
    outside = place.parent / "outside.json"
    (place / MANIFEST).rename(outside)
    (place / MANIFEST).symlink_to(outside)
    with pytest.raises(Refused, match="holds a link"):
        archive.export(generation, place, memory)


def test_two_exports_into_one_folder_do_not_mix(generation: Generation, memory: VectorStore, place: Path) -> None:
    from embeddings.jobs.archive import folder

    with folder.held(place), pytest.raises(Refused, match="Another export or import uses"):
        archive.export(generation, place, memory)


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_said(generation: Generation, memory: VectorStore, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(Refused, match="cannot be"):
        archive.export(generation, closed, memory)


def test_a_place_that_is_a_file_is_refused(generation: Generation, memory: VectorStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be used"):
        archive.export(generation, tmp_path / "file", memory)


def test_an_empty_generation_is_an_archive_of_nothing(memory: VectorStore, place: Path) -> None:
    manifest = archive.export(fill([], memory), place, memory)
    assert (manifest.count, manifest.parts) == (0, ())


def test_a_collection_that_is_gone_is_said(generation: Generation, memory: VectorStore, place: Path) -> None:
    memory.remove_alias("acoustic_embedding")
    memory.drop(generation.collection)
    with pytest.raises(Refused, match="nothing to export"):
        archive.export(generation, place, memory)
