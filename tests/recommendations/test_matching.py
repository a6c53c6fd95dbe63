"""Music found by words: a real text worker, a real store, tracks whose vectors are made of their titles."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from embeddings.domain import VectorRow
from embeddings.errors import NotEmbedded, Refused
from embeddings.models import Generation, Track, TrackVector
from embeddings.store.base import VectorStore
from recommendations.neighbours import neighbours_of_vector, tracks_matching
from tests.texts import live_generation
from tests.words import WORDS, read_alone, write_words

pytestmark = pytest.mark.django_db(transaction=True)


def row(track: Track, number: int, folder: Path) -> VectorRow:
    return VectorRow(
        id=str(track.pk),
        name=track.name,
        embedding=np.random.default_rng(number).standard_normal(WORDS.dimension).astype(np.float32),
        offset=0.0,
        model_id="words@1",
        library_id=track.library_id,
        artist_key=track.artist_key,
        album_key=track.album_key,
        joint=read_alone(track.title, folder),
    )


@pytest.fixture
def live(reader: Path, store: VectorStore) -> Iterator[Generation]:
    """A live generation without vectors."""
    generation = live_generation(write_words(reader))
    store.create(generation.collection, WORDS.dimension, joint_dimension=WORDS.joint_dimension)
    store.point_alias(WORDS.alias, generation.collection)
    yield generation
    store.remove_alias(WORDS.alias)
    store.drop(generation.collection)


@pytest.fixture
def music(live: Generation, catalogue: list[Track], reader: Path, store: VectorStore) -> list[Track]:
    """Eight tracks whose joint vectors are what the tower says of their titles."""
    store.upsert(live.collection, [row(track, number, reader) for number, track in enumerate(catalogue)])
    store.flush(live.collection)
    TrackVector.objects.record([TrackVector(generation=live, track=track, signature="1") for track in catalogue])
    return catalogue


def titles(text: str, store: VectorStore, *, limit: int = 10, libraries: tuple[int, ...] = ()) -> list[str]:
    found = tracks_matching(text, model="words", store=store, limit=limit, library_ids=libraries)
    return [near.track.title for near in found]


def test_a_text_finds_tracks_in_the_order_of_their_cosine(music: list[Track], reader: Path, store: VectorStore) -> None:
    text = read_alone("Cave theme", reader)
    cosines = {track.title: float(text @ read_alone(track.title, reader)) for track in music}
    found = tracks_matching("Cave theme", model="words", store=store, limit=10)
    assert [near.track.title for near in found] == sorted(cosines, key=lambda title: -cosines[title])
    np.testing.assert_allclose([near.score for near in found], sorted(cosines.values(), reverse=True), atol=1e-5)
    assert found[0].track.title == "Cave theme"


def test_tracks_whose_file_is_gone_leave_their_place_to_others(music: list[Track], store: VectorStore) -> None:
    Track.objects.filter(title="Cave theme").update(missing_since=music[0].added_at)
    found = titles("Cave theme", store, limit=7)
    assert len(found) == 7
    assert "Cave theme" not in found


def test_other_libraries_are_left_out(music: list[Track], store: VectorStore) -> None:
    library = music[0].library_id
    assert len(titles("theme", store, libraries=(library,))) == 8
    assert titles("theme", store, libraries=(library + 1,)) == []


def test_without_vectors_it_is_said_what_to_do(live: Generation, store: VectorStore) -> None:
    with pytest.raises(NotEmbedded, match="Nothing was embedded with words yet: start a job first"):
        titles("theme", store)


def test_a_lost_collection_is_said_to_be_lost(reader: Path, store: VectorStore) -> None:
    live_generation(write_words(reader))
    with pytest.raises(NotEmbedded, match="lost the words vectors"):
        titles("theme", store)


def test_a_model_that_reads_nothing_says_who_reads(words: Path, store: VectorStore) -> None:
    with pytest.raises(Refused, match="acoustic knows no text; ask muq"):
        tracks_matching("theme", model="acoustic", store=store, limit=1)


@pytest.mark.parametrize("limit", [0, 16_384])
def test_impossible_counts_are_refused(words: Path, store: VectorStore, limit: int) -> None:
    with pytest.raises(Refused, match="count has to be between"):
        titles("theme", store, limit=limit)


def test_a_vector_finds_the_tracks_around_it(music: list[Track], store: VectorStore) -> None:
    own = store.fetch(WORDS.alias, [str(music[3].pk)])[str(music[3].pk)]
    found = neighbours_of_vector(1000 * own, model="words", store=store, limit=3)
    assert [found[0].track, len(found)] == [music[3], 3]
    assert found[0].score == pytest.approx(1.0, abs=1e-5)


def test_a_vector_of_another_model_is_refused(music: list[Track], store: VectorStore) -> None:
    with pytest.raises(Refused, match="has 16 numbers instead of 6"):
        neighbours_of_vector(np.ones(16), model="words", store=store, limit=3)


def ask(**query: Any) -> Any:
    made = APIClient()
    made.force_authenticate(User.objects.create_user("reader"))
    return made.get("/api/v1/tracks/matching", query)


def test_the_api_lists_what_matches(music: list[Track]) -> None:
    answer = ask(text="Cave theme", model="words", count=2, libraryId=music[0].library_id)
    assert answer.status_code == 200
    body = answer.json()
    assert body | {"matches": []} == {"text": "Cave theme", "model": "words", "matches": []}
    assert body["matches"][0]["track"]["title"] == "Cave theme"
    assert body["matches"][0]["similarity"] == pytest.approx(1.0, abs=1e-5)
    assert len(body["matches"]) == 2


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"text": ""}, 400, "prompt_empty"),
        ({"text": " "}, 400, "prompt_empty"),
        ({"text": "x" * 2001, "model": "words"}, 400, "bad_prompt"),
        ({"text": "x" * 20_000, "model": "words"}, 400, "bad_prompt"),
        ({"text": "sad", "model": "acoustic"}, 400, "no_text"),
        ({"text": "sad", "model": "nonsense"}, 400, "unknown_model"),
        ({"text": "sad", "model": "words"}, 404, "not_embedded"),
        ({"text": "sad"}, 404, "not_embedded"),
    ],
)
def test_the_api_says_what_is_wrong(words: Path, query: dict[str, str], status: int, code: str) -> None:
    answer = ask(**query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_the_api_says_that_no_text_worker_runs(words: Path) -> None:
    live_generation(write_words(words))
    answer = ask(text="sad", model="words")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "backend_unavailable")
    assert "manage.py work --queue text" in answer.json()["error"]["message"]
    assert answer["Retry-After"]


def test_the_api_takes_a_worker_s_wrong_checkpoint_for_an_outage(reader: Path) -> None:
    live_generation("ab" * 32)
    answer = ask(text="sad", model="words")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "checkpoint_refused")


def test_the_terminal_lists_what_matches(music: list[Track], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("similar", text="Cave theme", model="words")
    shown = capsys.readouterr().out
    assert "Nearest to 'Cave theme'" in shown
    assert "1.000" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cave", "--text", "sad"], "Name a track or give a --text, not both"),
        ([], "Name a track, or say what the music is like"),
        (["--text", "sad", "--model", "acoustic"], "acoustic knows no text"),
        (["--text", " "], "nothing to read in the prompt"),
    ],
)
def test_the_terminal_says_what_is_wrong(words: Path, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("similar", *arguments)
