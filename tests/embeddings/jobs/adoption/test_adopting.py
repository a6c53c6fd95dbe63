"""Adoption: the old collection's vectors serve at once, under the tracks that they certainly belong to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from embeddings.conf import StoreConfig
from embeddings.domain import Embedding
from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.errors import BackendUnavailable, NotEmbedded, NotPossibleNow, Refused
from embeddings.jobs.adoption import adopt, drop_old, left_behind
from embeddings.jobs.generations import ensure_generation, heal
from embeddings.jobs.pipeline import Embedded
from embeddings.jobs.prompts import read_prompt
from embeddings.jobs.writer import vector_row
from embeddings.models import (
    PLAIN,
    AuditEntry,
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    Origin,
    Track,
    TrackResult,
    TrackVector,
)
from embeddings.store.base import VectorStore
from embeddings.store.milvus import MilvusStore
from tests.embeddings.jobs.adoption.predecessor import Predecessor
from tests.embeddings.jobs.archive.library import fill, make_tracks, unit_vectors

pytestmark = pytest.mark.django_db

LATENT, MUQ, MERT = (get_spec(key) for key in ("latent", "muq", "mert"))


def named(*names: str, seed: int = 1) -> dict[str, Any]:
    return dict(zip(names, unit_vectors(len(names), LATENT.dimension, seed), strict=True))


def made(
    old: Predecessor, vectors: Mapping[str, Any], collection: str = "latent_embedding", dimension: int = 576
) -> None:
    old.make(collection, dimension)
    old.insert(collection, vectors)


def test_what_happens_without_adoption_is_a_sentence(old: Predecessor, store: VectorStore) -> None:
    made(old, named("A - B"))
    with pytest.raises(Refused, match=r"generation adopt --models latent"):
        ensure_generation(LATENT, PLAIN, store)
    assert not Generation.objects.exists()
    assert store.shape("latent_embedding") is not None


def test_a_live_generation_whose_alias_is_occupied_does_not_stop_the_others(
    old: Predecessor, store: VectorStore
) -> None:
    muq = fill(make_tracks(1), store, spec=MUQ)
    fill(make_tracks(1), store, spec=LATENT)
    for alias in ("latent_embedding", "embedding"):
        store.remove_alias(alias)
    made(old, named("A - B"))
    heal(store)
    assert store.alias_target("embedding") == muq.collection
    assert store.alias_target("latent_embedding") is None


def test_vectors_serve_at_once_and_bit_by_bit(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(110)
    vectors = named(*(f"Ärtist - Title {number}" for number in range(110)))
    made(old, vectors)
    found = adopt(LATENT, store)
    generation = found.generation
    assert (found.rows, found.stored, list(found.reasons)) == (110, 110, [])
    assert (generation.collection, generation.state) == ("latent_embedding_g0000", GenerationState.LIVE)
    assert (generation.origin, generation.spec_version, generation.joint_dimension) == (Origin.ADOPTED, 0, 0)
    assert store.alias_target("latent_embedding") == "latent_embedding_g0000"
    stored = store.fetch("latent_embedding", [str(track.pk) for track in tracks])
    assert all(np.array_equal(stored[str(track.pk)], vectors[track.name]) for track in tracks)
    assert TrackVector.objects.filter(generation=generation).count() == 110
    assert AuditEntry.objects.get(action="adopt").generation == generation


def test_a_track_is_its_own_first_hit_afterwards(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(20)
    vectors = named(*(track.name for track in tracks))
    made(old, vectors)
    adopt(LATENT, store)
    hits = store.search("latent_embedding", vectors["Ärtist - Title 7"][None], limit=1)[0]
    assert hits[0].id == str(Track.objects.get(title="Title 7").pk)


def test_the_old_collection_stays_until_it_is_dropped(old: Predecessor, store: VectorStore) -> None:
    make_tracks(2)
    made(old, named("Ärtist - Title 0"))
    adopt(LATENT, store)
    assert store.count("latent_embedding_predecessor") == 1
    assert left_behind(LATENT, store) == "latent_embedding_predecessor"
    assert drop_old(LATENT, store) == "latent_embedding_predecessor"
    assert (left_behind(LATENT, store), drop_old(LATENT, store)) == ("", "")
    assert store.count("latent_embedding") == 1


def test_what_was_never_adopted_is_not_dropped(old: Predecessor, store: VectorStore) -> None:
    made(old, named("A - B"), collection="latent_embedding_predecessor")
    with pytest.raises(Refused, match="was not adopted"):
        drop_old(LATENT, store)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param("A & B - C_D_E", {"artist": "A • B", "title": "C/D\\E"}, id="replacements"),
        pytest.param("A  -  B  C ", {"artist": "A", "title": "B C"}, id="spaces that were not collapsed"),
        pytest.param("None - Intro", {"artist": "", "title": "Intro"}, id="a null as text"),
        pytest.param("[Unknown Artist] - Intro", {"artist": "", "title": "Intro"}, id="an unknown artist"),
        pytest.param("Ünï - 東京🎵", {"artist": "Ünï", "title": "東京🎵"}, id="unicode"),
        pytest.param('"x" - it\'s \\" 1', {"artist": '"x"', "title": "it's _\" 1"}, id="quotes"),
        pytest.param("A - " + "ü" * 254, {"artist": "A", "title": "ü" * 400}, id="cut at 512 bytes"),
        pytest.param("A - B", {"artist": "A", "title": "", "path": "x/B.mp3"}, id="no title"),
        pytest.param("4uLU6hMCjMI75M1A2tKUQC", {"navidrome_id": "4uLU6hMCjMI75M1A2tKUQC"}, id="an id as name"),
    ],
)
def test_names_are_read_as_they_were_written(
    old: Predecessor, store: VectorStore, name: str, fields: dict[str, Any]
) -> None:
    make_tracks(3)
    track = make_tracks(1, **fields)[0]
    made(old, named(name))
    found = adopt(LATENT, store)
    assert list(found.reasons) == []
    assert store.fetch("latent_embedding", [str(track.pk)]).keys() == {str(track.pk)}


def test_names_that_several_tracks_have_are_left_out_and_said(old: Predecessor, store: VectorStore) -> None:
    make_tracks(1, title="Song")
    make_tracks(1, title="Song", album="Remastered")
    make_tracks(1, title="Gone", missing_since="2026-01-01T00:00Z")
    make_tracks(1, title="Back", missing_since="2026-01-01T00:00Z")
    back = make_tracks(1, title="Back")[0]
    made(old, named("Ärtist - Song", "Ärtist - Gone", "Ärtist - Back", "ärtist - back", "Ärtist  - Back"))
    found = adopt(LATENT, store)
    assert found.ambiguous == ("Ärtist - Song",)
    assert set(found.unknown) == {"Ärtist - Gone", "ärtist - back"}
    assert found.doubled == ("Ärtist - Back",)
    assert [vector.track_id for vector in found.generation.vectors.all()] == [back.pk]


def test_vectors_get_unit_length_and_those_without_a_direction_are_left_out(
    old: Predecessor, store: VectorStore
) -> None:
    tracks = make_tracks(4)
    vectors = named(*(track.name for track in tracks))
    vectors[tracks[0].name] = vectors[tracks[0].name] * 3
    vectors[tracks[1].name] = np.zeros(576, np.float32)
    vectors[tracks[2].name] = np.full(576, np.nan, np.float32)
    made(old, vectors)
    found = adopt(LATENT, store)
    assert set(found.unusable) == {tracks[1].name, tracks[2].name}
    assert np.linalg.norm(store.fetch("latent_embedding", [str(tracks[0].pk)])[str(tracks[0].pk)]) == pytest.approx(1)


def test_the_longest_vectors_are_projected(old: Predecessor, store: VectorStore) -> None:
    track = make_tracks(1)[0]
    vector = unit_vectors(1, 76_800)[0]
    made(old, {track.name: vector}, "mert_embedding", 76_800)
    adopt(MERT, store)
    stored = store.fetch("mert_embedding", [str(track.pk)])[str(track.pk)]
    np.testing.assert_allclose(stored, stored_form(MERT, [vector])[0], atol=1e-6)


class Dying(MilvusStore):
    """A store that goes away after some calls of one kind, once done or before."""

    def __init__(self, uri: str, method: str, *, after: int, done: bool) -> None:
        super().__init__(StoreConfig(uri=uri, token="", timeout_seconds=30.0))
        self._left = {method: after}
        self._done = done

    def upsert(self, collection: str, rows: Any) -> None:
        self._dying("upsert", lambda: super(Dying, self).upsert(collection, rows))

    def rename(self, collection: str, name: str) -> None:
        self._dying("rename", lambda: super(Dying, self).rename(collection, name))

    def create(self, collection: str, dimension: int, *, joint_dimension: int = 0) -> None:
        self._dying("create", lambda: super(Dying, self).create(collection, dimension, joint_dimension=joint_dimension))

    def point_alias(self, alias: str, collection: str) -> None:
        self._dying("point_alias", lambda: super(Dying, self).point_alias(alias, collection))

    def _dying(self, method: str, call: Any) -> None:
        left = self._left.get(method)
        if left is not None:
            self._left[method] = left - 1
        if left != 0 or self._done:
            call()
        if left == 0:
            raise BackendUnavailable("The vector store is away.")


@pytest.mark.parametrize(
    ("death", "count"),
    [
        *(((method, 0, done), 5) for method in ("rename", "create", "point_alias", "upsert") for done in (False, True)),
        (("upsert", 1, True), 510),
    ],
)
def test_whatever_it_died_in_it_goes_on(
    old: Predecessor, store: VectorStore, own_server: str, death: tuple[str, int, bool], count: int
) -> None:
    method, after, done = death
    tracks = make_tracks(count)
    vectors = named(*(track.name for track in tracks))
    made(old, vectors)
    with pytest.raises(BackendUnavailable):
        adopt(LATENT, Dying(own_server, method, after=after, done=done))
    found = adopt(LATENT, store)
    assert found.stored + found.already == found.generation.vectors.count() == store.count("latent_embedding") == count
    assert found.generation.state == GenerationState.LIVE
    stored = store.fetch("latent_embedding", [str(track.pk) for track in tracks])
    assert all(np.array_equal(stored[str(track.pk)], vectors[track.name]) for track in tracks)


def test_adopting_again_adds_what_the_catalogue_knows_by_now(old: Predecessor, store: VectorStore) -> None:
    make_tracks(1)
    made(old, named("Ärtist - Title 0", "Ärtist - Title 1"))
    assert adopt(LATENT, store).unknown == ("Ärtist - Title 1",)
    make_tracks(1)
    found = adopt(LATENT, store)
    assert (found.stored, found.already, found.unknown) == (1, 1, ())


def test_a_live_generation_with_vectors_stays(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(3)
    live = fill(tracks, store, spec=LATENT)
    store.remove_alias("latent_embedding")
    made(old, named(tracks[0].name))
    found = adopt(LATENT, store)
    assert (found.generation.state, found.stored) == (GenerationState.BUILDING, 1)
    assert store.alias_target("latent_embedding") == live.collection


def test_an_empty_live_generation_gives_way(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(3)
    fill([], store, spec=LATENT)
    store.remove_alias("latent_embedding")
    made(old, named(tracks[0].name))
    assert adopt(LATENT, store).generation.state == GenerationState.LIVE
    assert store.alias_target("latent_embedding") == "latent_embedding_g0000"


def test_a_job_begins_new_vectors_beside_what_was_adopted(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(3)
    made(old, named(tracks[0].name))
    adopted = adopt(LATENT, store).generation
    beside = ensure_generation(LATENT, PLAIN, store)
    assert (beside.number, beside.state) == (1, GenerationState.BUILDING)
    assert store.alias_target("latent_embedding") == adopted.collection


def test_one_that_was_retired_is_not_filled_again(old: Predecessor, store: VectorStore) -> None:
    tracks = make_tracks(3)
    made(old, named(tracks[0].name))
    adopted = adopt(LATENT, store).generation
    Generation.objects.filter(pk=adopted.pk).update(state=GenerationState.RETIRED)
    with pytest.raises(Refused, match="was adopted before, and is retired now"):
        adopt(LATENT, store)


@pytest.mark.parametrize(
    ("collection", "dimension", "key"), [("latent_embedding", 575, "name"), ("latent_embedding", 576, "id")]
)
def test_collections_of_another_kind_are_left_alone(
    old: Predecessor, store: VectorStore, collection: str, dimension: int, key: str
) -> None:
    make_tracks(1)
    old.make(collection, dimension, key=key)
    with pytest.raises(Refused, match="is not one that can be adopted as latent"):
        adopt(LATENT, store)
    assert store.shape(collection) is not None


def test_there_has_to_be_something_to_adopt_and_one_thing_only(old: Predecessor, store: VectorStore) -> None:
    make_tracks(1)
    with pytest.raises(Refused, match="no collection latent_embedding to adopt"):
        adopt(LATENT, store)
    old.make("latent_embedding", 576)
    old.make("latent_embedding_predecessor", 576)
    with pytest.raises(Refused, match="Both latent_embedding and latent_embedding_predecessor are there"):
        adopt(LATENT, store)


def test_without_a_catalogue_nothing_is_touched(old: Predecessor, store: VectorStore) -> None:
    made(old, named("A - B"))
    with pytest.raises(Refused, match=r"run manage\.py sync first"):
        adopt(LATENT, store)
    assert store.shape("latent_embedding") is not None


def test_nothing_is_adopted_while_a_job_embeds(old: Predecessor, store: VectorStore) -> None:
    made(old, named("A - B"))
    BatchJob.objects.create(state=JobState.RUNNING, model_keys=["latent"])
    with pytest.raises(NotPossibleNow, match="embeds with latent"):
        adopt(LATENT, store)


def test_adopted_music_is_not_searched_by_text(old: Predecessor, store: VectorStore) -> None:
    track = make_tracks(1)[0]
    made(old, {track.name: unit_vectors(1, MUQ.dimension)[0]}, "embedding", MUQ.dimension)
    adopt(MUQ, store)
    with pytest.raises(NotEmbedded, match=r"embedding_g0000 holds no vectors that a text can be compared with"):
        read_prompt("muq", "upbeat")


def test_what_is_embedded_into_it_later_has_no_joint_vector(old: Predecessor, store: VectorStore) -> None:
    first, second = make_tracks(2)
    made(old, {first.name: unit_vectors(1, MUQ.dimension)[0]}, "embedding", MUQ.dimension)
    generation = adopt(MUQ, store).generation
    own, joint = unit_vectors(1, MUQ.dimension, 5)[0], unit_vectors(1, MUQ.joint_dimension, 6)[0]
    done = Embedded(
        track_id=str(second.pk),
        embedding=Embedding(vector=own, joint=joint),
        offset=0.0,
        seconds=1.0,
        audio_seconds=1.0,
        warning="",
    )
    store.upsert(generation.collection, [vector_row(TrackResult(track=second, generation=generation), done)])
    assert store.count("embedding") == 2
