"""Importing: nothing is believed, nothing is written twice, and every row finds its track or is named."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, NotPossibleNow, Refused
from embeddings.jobs import archive
from embeddings.jobs.archive import Stopped, exporting, folder
from embeddings.jobs.archive.manifest import MANIFEST
from embeddings.models import AuditEntry, BatchJob, Generation, GenerationState, JobState, Library, Origin, Track
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.archive.library import (
    IDENTITY,
    SPEC,
    add,
    bits,
    fill,
    forget_database,
    make_tracks,
    signatures,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def memory() -> VectorStore:
    return MemoryStore()


@pytest.fixture
def other() -> VectorStore:
    return MemoryStore()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def exported(memory: VectorStore, place: Path) -> Generation:
    """Thirty vectors in an archive."""
    generation = fill(make_tracks(30), memory)
    archive.export(generation, place, memory)
    return generation


def alter(place: Path, **fields: Any) -> None:
    """Write other words into a manifest."""
    told = json.loads((place / MANIFEST).read_text())
    (place / MANIFEST).write_text(json.dumps(told | fields))


def test_vectors_come_back_bit_by_bit(
    exported: Generation, place: Path, memory: VectorStore, other: VectorStore
) -> None:
    found = archive.restore(place, other)
    assert bits(other, found.generation.collection) == bits(memory, exported.collection)
    assert signatures(found.generation) == {track.pk: track.signature for track in Track.objects.all()}
    assert (found.rows, found.stored, found.already, found.stale, found.unmapped) == (30, 30, 0, 0, ())


def test_joint_vectors_come_back_as_well(memory: VectorStore, other: VectorStore, place: Path) -> None:
    generation = fill(make_tracks(5), memory, spec=get_spec("muq"))
    archive.export(generation, place, memory)
    found = archive.restore(place, other)
    assert found.generation.joint_dimension == 512
    assert bits(other, found.generation.collection) == bits(memory, generation.collection)


def test_a_generation_beside_a_live_one_waits_to_be_verified(
    exported: Generation, place: Path, memory: VectorStore
) -> None:
    made = archive.restore(place, memory).generation
    assert (made.state, made.origin, made.number) == (GenerationState.BUILDING, Origin.IMPORTED, 2)
    assert (made.identity, made.spec_version) == (IDENTITY, SPEC.version)
    assert memory.alias_target(SPEC.alias) == exported.collection
    assert AuditEntry.objects.get(action="import").generation == made


def test_where_nothing_is_live_it_serves_at_once(exported: Generation, place: Path, other: VectorStore) -> None:
    forget_database()
    make_tracks(30)
    made = archive.restore(place, other).generation
    assert made.state == GenerationState.LIVE
    assert other.alias_target(SPEC.alias) == made.collection


def test_vectors_that_the_store_lost_are_replaced(exported: Generation, place: Path, other: VectorStore) -> None:
    made = archive.restore(place, other).generation
    exported.refresh_from_db()
    assert (exported.state, made.state) == (GenerationState.RETIRED, GenerationState.LIVE)
    assert other.alias_target(SPEC.alias) == made.collection


def test_what_is_live_is_not_forgotten_for_an_archive_of_strangers(
    exported: Generation, place: Path, other: VectorStore
) -> None:
    for track in list(Track.objects.order_by("path"))[:16]:
        Track.objects.filter(pk=track.pk).update(path=f"other {track.path}", signature="9:9", navidrome_id="")
    with pytest.raises(Refused, match=r"only 14 of the archive .* --allow-fewer"):
        archive.restore(place, other)
    assert (exported.vectors.count(), Generation.objects.get(), other.collections()) == (30, exported, [])
    assert archive.restore(place, other, allow_fewer=True).stored == 14


def test_two_imports_of_one_archive_do_not_meet(exported: Generation, place: Path, other: VectorStore) -> None:
    with folder.held(place), pytest.raises(Refused, match="Another export or import uses"):
        archive.restore(place, other)
    assert archive.restore(place, other).stored == 30


class Leaving(MemoryStore):
    """A store that is away when the second page comes, once."""

    pages = 0

    def upsert(self, collection: str, rows: Any) -> None:
        self.pages += 1
        if self.pages == 2:
            raise BackendUnavailable("The vector store is away.")
        super().upsert(collection, rows)


def test_an_import_that_was_broken_off_goes_on(memory: VectorStore, place: Path) -> None:
    generation = fill(make_tracks(2200), memory)
    archive.export(generation, place, memory)
    other = Leaving()
    with pytest.raises(BackendUnavailable):
        archive.restore(place, other)
    begun = Generation.objects.get(origin=Origin.IMPORTED)
    assert begun.vectors.count() == other.count(begun.collection) == 1000
    found = archive.restore(place, other)
    assert (found.generation, found.stored, found.already) == (begun, 1200, 1000)
    assert bits(other, begun.collection) == bits(memory, generation.collection)


class Away(MemoryStore):
    """A store that goes away after a page was written and before anybody heard of it."""

    lost = False

    def upsert(self, collection: str, rows: Any) -> None:
        super().upsert(collection, rows)
        if not self.lost:
            self.lost = True
            raise BackendUnavailable("The vector store is away.")


def test_a_page_that_was_written_unheard_is_there_once(exported: Generation, place: Path, memory: VectorStore) -> None:
    store = Away()
    with pytest.raises(BackendUnavailable):
        archive.restore(place, store)
    found = archive.restore(place, store)
    assert found.generation.vectors.count() == store.count(found.generation.collection) == 30


def test_importing_again_changes_nothing(exported: Generation, place: Path, other: VectorStore) -> None:
    made = archive.restore(place, other).generation
    track = Track.objects.get(title="Title 3")
    add(made, [track], other, seed=77)
    newer = bits(other, made.collection)
    found = archive.restore(place, other)
    assert (found.generation, found.stored, found.already) == (made, 0, 30)
    assert bits(other, made.collection) == newer


def test_one_that_was_retired_since_is_not_filled_again(exported: Generation, place: Path, memory: VectorStore) -> None:
    made = archive.restore(place, memory).generation
    Generation.objects.filter(pk=made.pk).update(state=GenerationState.RETIRED)
    with pytest.raises(Refused, match=r"imported as acoustic_embedding_g0002, which is retired"):
        archive.restore(place, memory)


def test_files_that_changed_are_stale(exported: Generation, place: Path, other: VectorStore) -> None:
    Track.objects.filter(title="Title 3").update(signature="9:9")
    found = archive.restore(place, other)
    assert (found.stale, found.stored) == (1, 30)
    assert signatures(found.generation)[Track.objects.get(title="Title 3").pk] == "4:1700000000003"


def titled(store: VectorStore, generation: Generation) -> dict[str, bytes]:
    """Vectors by the title of their track."""
    found = bits(store, generation.collection)
    return {track.title: found[str(track.pk)][0] for track in Track.objects.all()}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"path": "{}.flac", "signature": "1:2"}, id="navidrome id"),
        pytest.param({"navidrome_id": ""}, id="path and content"),
    ],
)
def test_another_database_s_tracks_are_known(
    exported: Generation, place: Path, memory: VectorStore, other: VectorStore, fields: dict[str, str]
) -> None:
    vectors = titled(memory, exported)
    forget_database()
    library = Library.objects.create(source="navidrome", external_id=7, name="elsewhere", root="/mnt")
    for number in range(30):
        make_tracks(1, library=library, **{name: value.format(number) for name, value in fields.items()})
    found = archive.restore(place, other)
    assert (found.stored, found.unmapped) == (30, ())
    assert titled(other, found.generation) == vectors


def test_recordings_of_one_length_are_known_where_only_one_is_meant(
    memory: VectorStore, other: VectorStore, place: Path
) -> None:
    ids = [f"{number:08d}-0000-0000-0000-000000000000" for number in range(4)]
    for mbid in ids:
        make_tracks(1, recording_mbid=mbid, duration=200.0)
    archive.export(fill(list(Track.objects.all()), memory), place, memory)
    forget_database()
    elsewhere: dict[str, Any] = {"navidrome_id": "", "signature": "5:5"}
    make_tracks(1, path="a", recording_mbid=ids[0], duration=200.9, **elsewhere)
    make_tracks(1, path="b", recording_mbid=ids[1], duration=202.0, **elsewhere)
    make_tracks(1, path="c", recording_mbid=ids[2], duration=200.0, **elsewhere)
    make_tracks(1, path="d", recording_mbid=ids[2], duration=200.5, **elsewhere)
    found = archive.restore(place, other)
    assert [held.track.path for held in found.generation.vectors.select_related("track")] == ["a"]
    assert (found.stored, found.stale, len(found.unmapped)) == (1, 1, 3)


def test_of_two_rows_that_are_one_track_the_surer_is_taken(
    memory: VectorStore, other: VectorStore, place: Path
) -> None:
    mbid = "00000001-0000-0000-0000-000000000000"
    first, second = make_tracks(1, recording_mbid=mbid, duration=9.0) + make_tracks(
        1, recording_mbid=mbid, duration=9.0
    )
    generation = fill([first, second], memory)
    archive.export(generation, place, memory)
    Track.objects.exclude(pk=second.pk).delete()
    found = archive.restore(place, other)
    assert bits(other, found.generation.collection).keys() == {str(second.pk)}
    assert bits(other, found.generation.collection).items() <= bits(memory, generation.collection).items()
    assert [(row.path, row.reason) for row in found.unmapped] == [
        (first.path, "another row of the archive is the same track")
    ]


def test_our_id_on_another_file_is_no_proof(exported: Generation, place: Path, other: VectorStore) -> None:
    Track.objects.filter(title="Title 3").update(path="other.flac", signature="9:9", navidrome_id="")
    found = archive.restore(place, other)
    assert [(row.name, row.path) for row in found.unmapped] == [("Ärtist - Title 3", "Ärtist/00003.flac")]


def test_a_part_with_one_bit_changed_stops_everything(exported: Generation, place: Path, other: VectorStore) -> None:
    part = next(place.glob("part-*"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(Refused, match="missing, or not as it was written"):
        archive.restore(place, other)
    assert (Generation.objects.count(), other.collections()) == (1, [])


def test_a_part_that_is_gone_stops_everything(exported: Generation, place: Path, other: VectorStore) -> None:
    next(place.glob("part-*")).unlink()
    with pytest.raises(Refused, match="missing"):
        archive.restore(place, other)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"format": "zip"}, "describes no archive"),
        ({"version": 2}, "is of version 2"),
        ({"model": "vggish"}, "is of the model 'vggish'; this version knows"),
        ({"spec_version": 99}, "comes from a newer one"),
        ({"dimension": 576}, "holds vectors of 576 dimensions; those of acoustic have 320"),
        ({"joint_dimension": 4}, "320 dimensions and 4 joint ones"),
        ({"count": 31}, "counts 31 rows where its parts have 30"),
        ({"model": 5}, "does not say what model is"),
        ({"dimension": True}, "does not say what dimension is"),
        ({"lacking": -1}, "does not say what lacking is"),
        ({"precision": "float32, or nearly"}, "does not say what precision is"),
        ({"packages": "muq " * 100}, "does not say what packages is"),
        ({"checkpoint": "ab\0cd"}, "does not say what checkpoint is"),
        ({"checkpoint": "\ud800"}, "does not say what checkpoint is"),
        ({"parts": {}}, "lists no parts"),
        ({"parts": ["part"]}, "should describe a part"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    exported: Generation, place: Path, other: VectorStore, fields: dict[str, Any], sentence: str
) -> None:
    alter(place, **fields)
    with pytest.raises(Refused, match=sentence):
        archive.restore(place, other)
    assert Generation.objects.count() == 1


def rewritten(place: Path, change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads((place / MANIFEST).read_text())
    change(told["parts"][0])
    (place / MANIFEST).write_text(json.dumps(told))


@pytest.mark.parametrize(
    "name", ["../secret.parquet", "/etc/passwd", "part-00000000-00001.parquet/..", "other.parquet"]
)
def test_parts_outside_the_folder_are_refused(exported: Generation, place: Path, other: VectorStore, name: str) -> None:
    rewritten(place, lambda part: part.update(name=name))
    with pytest.raises(Refused, match="names parts that no export writes"):
        archive.restore(place, other)


def test_links_are_refused(exported: Generation, place: Path, other: VectorStore) -> None:
    part = next(place.glob("part-*"))
    part.rename(place.parent / "elsewhere")
    part.symlink_to(place.parent / "elsewhere")
    with pytest.raises(Refused, match="holds a link"):
        archive.restore(place, other)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udcff", '{"format": 1}'])
def test_nonsense_is_refused(place: Path, other: VectorStore, text: str) -> None:
    place.mkdir()
    (place / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Refused, match=r"manifest\.json"):
        archive.restore(place, other)


def test_a_folder_without_an_archive_is_said(tmp_path: Path, other: VectorStore) -> None:
    with pytest.raises(Refused, match="holds no archive"):
        archive.restore(tmp_path, other)
    with pytest.raises(Refused, match="cannot be read"):
        archive.restore(tmp_path / "nowhere", other)


def test_a_checked_file_that_is_no_table_is_refused(exported: Generation, place: Path, other: VectorStore) -> None:
    part = next(place.glob("part-*"))
    part.write_bytes(b"PAR1 nothing PAR1")
    rewritten(place, lambda told: told.update(bytes=part.stat().st_size, sha256=folder.digest(part)))
    with pytest.raises(Refused, match="is no Parquet file"):
        archive.restore(place, other)


def test_a_table_with_other_columns_is_refused(exported: Generation, place: Path, memory: VectorStore) -> None:
    wide = dataclasses.replace(SPEC, dimension=64)
    other_place = place.parent / "wide"
    other = archive.export(fill(list(Track.objects.all()), memory, spec=wide, state="building"), other_place, memory)
    part = next(place.glob("part-*"))
    part.write_bytes((other_place / other.parts[0].name).read_bytes())
    rewritten(place, lambda told: told.update(bytes=part.stat().st_size, sha256=folder.digest(part)))
    with pytest.raises(Refused, match="does not hold the 30 rows"):
        archive.restore(place, memory)


class Hollow(MemoryStore):
    """A store that gives out a vector without a direction."""

    def rows(self, collection: str, *, after: str = "") -> Any:
        for page in super().rows(collection, after=after):
            yield [dataclasses.replace(row, embedding=np.full_like(row.embedding, np.nan)) for row in page]


def test_vectors_that_are_not_finite_are_refused(place: Path, memory: VectorStore) -> None:
    hollow = Hollow()
    archive.export(fill(make_tracks(3), hollow), place, hollow)
    with pytest.raises(Refused, match="is not finite"):
        archive.restore(place, memory)


def test_nothing_is_imported_while_a_job_embeds(exported: Generation, place: Path, other: VectorStore) -> None:
    BatchJob.objects.create(state=JobState.RUNNING, model_keys=["acoustic"])
    with pytest.raises(NotPossibleNow, match="is running and embeds with acoustic"):
        archive.restore(place, other)


def test_an_archive_that_is_being_replaced_is_imported_as_it_was(
    exported: Generation, place: Path, memory: VectorStore, other: VectorStore
) -> None:
    add(exported, make_tracks(5), memory)
    broken = exporting.Export(exported, place, memory, lambda _: None, lambda: True)
    with pytest.raises(Stopped):
        broken.run(allow_lacking=False)
    assert archive.restore(place, other).stored == 30
