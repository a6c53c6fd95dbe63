"""Words reach each model by the best way that is there, and where there is none it is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from embeddings.domain import Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.trained_files import fingerprint
from embeddings.errors import BackendUnavailable, NotEmbedded, Refused
from embeddings.models import Asked, Generation, GenerationState, Identity, PromptVector
from embeddings.store.base import VectorStore
from recommendations.asking.stub_texts import stub_vector
from recommendations.asking.wording import read_texts
from recommendations.fitting.fit import fit_all
from recommendations.fitting.spaces import Space, open_spaces
from recommendations.prompt_templates import sentences
from tests.recommendations.library import MadeLibrary, Plan, make_library
from tests.recommendations.remembered import remember
from tests.texts import live_generation
from tests.words import WORDS, read_alone, write_words

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = Plan(artists=8, models=("acoustic", "muq"))
UNREAD = "something that nobody asked before"


@pytest.fixture
def made(store: VectorStore) -> MadeLibrary:
    """64 tracks in two models; the own tower of one has read the names of their genres, and the templates."""
    made = make_library(store, PLAN)
    texts = {genre: made.middles["muq.joint", genre] for genre in PLAN.genres}
    remember(made.generations["muq"], texts | templates_between(list(texts.values())))
    return made


def templates_between(texts: list[Vector]) -> dict[str, Vector]:
    """Templates read as something near the middle of the texts."""
    chance = np.random.default_rng(3)
    shares = chance.dirichlet(np.ones(len(texts)), len(sentences()))
    return dict(zip(sentences(), (shares @ np.stack(texts)).astype(np.float32), strict=True))


def spaces(store: VectorStore, *models: str) -> tuple[Space, ...]:
    return open_spaces(models or ("muq", "acoustic"), store).spaces


def trained(made: MadeLibrary, folder: Path, words: str, vector: Vector) -> None:
    """Let a trained tower of `acoustic` be there, and have read a prompt."""
    (folder / "acoustic_best_r1.pt").write_bytes(b"trained")
    live = made.generations["acoustic"]
    asked = Asked(
        model="acoustic",
        spec_version=live.spec_version,
        checkpoint=fingerprint(folder, "acoustic"),
        prompt=words,
        tower="trained",
    )
    PromptVector.objects.keep({asked: vector})


def test_a_model_reads_with_its_own_tower(made: MadeLibrary, store: VectorStore) -> None:
    read = read_texts(["Jazz", " Metal "], spaces(store, "muq")).by_model["muq"]
    assert [(text.field, text.wording) for text in read] == [("joint", "tower")] * 2
    np.testing.assert_array_equal(read[1].vector, made.middles["muq.joint", "Metal"])


def test_words_reach_another_model_over_the_bridge(made: MadeLibrary, store: VectorStore) -> None:
    fit_all(store, only_outdated=False)
    texts = read_texts(PLAN.genres, spaces(store, "acoustic"))
    assert texts.warnings == ()
    for genre, text in zip(PLAN.genres, texts.by_model["acoustic"], strict=True):
        assert (text.field, text.wording) == ("embedding", "bridge")
        nearest = np.argsort(-made.vectors["acoustic"] @ text.vector)[:10]
        assert all(made.tracks[place].genres == [genre] for place in nearest)


def test_texts_are_read_once_for_all_models(made: MadeLibrary, store: VectorStore) -> None:
    fit_all(store, only_outdated=False)
    opened = spaces(store)
    with CaptureQueriesContext(connection) as queries:
        assert set(read_texts(["Jazz", "Folk"], opened).by_model) == {"muq", "acoustic"}
    assert sum("embeddings_promptvector" in query["sql"] for query in queries) == 1


def test_a_trained_checkpoint_comes_before_the_bridge(
    made: MadeLibrary, store: VectorStore, settings: Any, tmp_path: Path
) -> None:
    fit_all(store, only_outdated=False)
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    trained(made, tmp_path, "Jazz", made.vectors["acoustic"][5])
    (text,) = read_texts(["Jazz"], spaces(store, "acoustic")).by_model["acoustic"]
    assert (text.field, text.wording) == ("embedding", "trained")
    np.testing.assert_array_equal(text.vector, made.vectors["acoustic"][5])


def test_a_model_that_words_do_not_reach_is_named_with_what_to_do(made: MadeLibrary, store: VectorStore) -> None:
    texts = read_texts(["Jazz"], spaces(store))
    assert list(texts.by_model) == ["muq"]
    (warning,) = texts.warnings
    assert warning.startswith("acoustic took no part in what was asked in words: Words do not reach acoustic yet")
    assert warning.endswith("manage.py fit")


def test_where_no_model_reads_at_all_it_is_refused(store: VectorStore) -> None:
    make_library(store, replace(PLAN, artists=1, models=("acoustic", "latent")))
    with pytest.raises(Refused, match=r"with muq as well, .* or put a trained latent_best_r1") as said:
        read_texts(["Jazz"], spaces(store, "acoustic", "latent"))
    assert said.value.code == "no_text"


def test_a_bridge_that_finds_too_little_is_not_used(made: MadeLibrary, store: VectorStore, settings: Any) -> None:
    settings.BRIDGE_LEAST_RECALL = 1.01
    fit_all(store, only_outdated=False)
    with pytest.raises(Refused, match="too little to trust it with a text") as said:
        read_texts(["Jazz"], spaces(store, "acoustic"))
    assert said.value.code == "no_text"


def test_stubs_stand_in_only_where_a_setting_asks_and_say_so(
    made: MadeLibrary, store: VectorStore, settings: Any
) -> None:
    settings.TEXT_USE_STUBS = True
    texts = read_texts(["Jazz"], spaces(store))
    assert texts.is_stub
    assert [texts.by_model[model][0].wording for model in ("muq", "acoustic")] == ["tower", "stub"]
    np.testing.assert_array_equal(texts.by_model["acoustic"][0].vector, stub_vector("Jazz", 320))
    assert texts.warnings == (
        "acoustic has no text model: what it found for these words means nothing (TEXT_USE_STUBS).",
    )


def test_an_absent_text_worker_is_no_stub(made: MadeLibrary, store: VectorStore, settings: Any) -> None:
    settings.TEXT_USE_STUBS = True
    with pytest.raises(BackendUnavailable, match="queue does not answer"):
        read_texts([UNREAD], spaces(store, "muq"))


def test_an_absent_text_worker_takes_along_only_who_needs_it(
    made: MadeLibrary, store: VectorStore, settings: Any, tmp_path: Path
) -> None:
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    trained(made, tmp_path, UNREAD, made.vectors["acoustic"][0])
    texts = read_texts([UNREAD], spaces(store))
    assert list(texts.by_model) == ["acoustic"]
    assert texts.warnings[0].startswith("muq took no part in what was asked in words: The queue does not answer")


def test_what_should_work_and_does_not_is_told_although_a_lesser_way_does(
    made: MadeLibrary, store: VectorStore, settings: Any
) -> None:
    settings.TEXT_USE_STUBS = True
    Generation.objects.filter(model="muq").update(joint_dimension=0)
    texts = read_texts(["Jazz"], spaces(store, "muq"))
    assert texts.is_stub
    assert texts.warnings[0].startswith("muq was not asked by its best text model: ")
    assert "holds no vectors that a text can be compared with" in texts.warnings[0]


def test_what_stands_in_the_way_is_raised_where_nobody_answers(made: MadeLibrary, store: VectorStore) -> None:
    Generation.objects.filter(model="muq").update(joint_dimension=0)
    with pytest.raises(NotEmbedded, match="embed the library anew"):
        read_texts(["Jazz"], spaces(store))


def test_vectors_that_were_exchanged_meanwhile_are_not_compared(made: MadeLibrary, store: VectorStore) -> None:
    opened = spaces(store, "muq")
    Generation.objects.filter(model="muq").update(state=GenerationState.RETIRED)
    other = Generation.objects.open(
        get_spec("muq"), state=GenerationState.LIVE, identity=Identity(checkpoint="ab" * 32)
    )
    remember(other, {"Jazz": made.middles["muq.joint", "Folk"]})
    with pytest.raises(BackendUnavailable, match="Other muq vectors became live"):
        read_texts(["Jazz"], opened)


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_prompt_without_words_is_refused(made: MadeLibrary, store: VectorStore, blank: str) -> None:
    with pytest.raises(Refused, match="nothing to read") as said:
        read_texts(["Jazz", blank], spaces(store))
    assert said.value.code == "prompt_empty"


def test_no_prompts_are_no_texts(made: MadeLibrary, store: VectorStore) -> None:
    texts = read_texts([], spaces(store))
    assert (texts.by_model, texts.warnings, texts.is_stub) == ({}, (), False)


def words_space(folder: Path, store: VectorStore) -> Space:
    return Space(spec=WORDS, generation=live_generation(write_words(folder)), store=store)


def test_a_text_worker_reads_what_nobody_asked_before(reader: Path, store: VectorStore) -> None:
    read = read_texts([UNREAD, "sad piano"], [words_space(reader, store)]).by_model["words"]
    np.testing.assert_allclose(read[1].vector, read_alone("sad piano", reader), atol=1e-6)


def test_a_text_that_the_tower_refuses_is_refused(reader: Path, store: VectorStore) -> None:
    with pytest.raises(Refused, match="Nobody has heard of this") as said:
        read_texts(["sad piano", "unheard"], [words_space(reader, store)])
    assert said.value.code == "words_unheard"


def test_stubs_are_those_of_the_service_before() -> None:
    np.testing.assert_allclose(
        stub_vector("upbeat rock music", 1536)[:4], [-0.02114551, -0.00213866, 0.06357253, 0.00822975], atol=1e-7
    )
    np.testing.assert_allclose(stub_vector("upbeat rock music", 576)[0], -0.03342389, atol=1e-7)


@pytest.mark.parametrize("model", sorted(SPECS))
def test_stubs_are_as_long_as_what_the_store_holds(model: str) -> None:
    vector = stub_vector("jazz", SPECS[model].dimension)
    assert vector.dtype == np.float32
    assert vector.shape == (SPECS[model].dimension,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
