"""Fitting: after jobs and on command, live generations get backgrounds, and bridges that say how good they are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.errors import UnknownEmbedder
from embeddings.jobs import control
from embeddings.models import BatchJob, Generation, GenerationState, JobState, PromptVector, Track, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from recommendations.fitting.fit import fit_all
from recommendations.fitting.learning import kept_bridge
from recommendations.fitting.spaces import open_spaces
from recommendations.models import StoredBackground
from recommendations.prompt_templates import sentences
from tests.recommendations.library import MadeLibrary, make_library
from tests.recommendations.taught import PLAN, bridge_row, exchange, read_templates
from tests.words import write_words

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue")]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(memory: MemoryStore) -> MadeLibrary:
    """80 tracks in two models, one of which shares a space with texts that nobody has read."""
    return make_library(memory, PLAN)


def test_a_job_fits_what_it_embedded(catalogue: list[Track], work: Callable[[], None], store: VectorStore) -> None:
    job = control.start_job()
    work()
    row = StoredBackground.objects.get()
    live = Generation.objects.get()
    assert BatchJob.objects.get(pk=job.pk).state == JobState.COMPLETED
    assert (row.generation, row.field, row.tracks, row.writes) == (live, "embedding", len(catalogue), live.writes)
    assert open_spaces([], store).spaces[0].background().tracks.shape == (len(catalogue), 320)


def test_every_field_gets_a_background_and_a_model_without_text_a_bridge(
    made: MadeLibrary, memory: MemoryStore
) -> None:
    acoustic, muq = fit_all(memory, only_outdated=True)
    assert [row.field for row in muq.backgrounds] == ["embedding", "joint"]
    assert [row.field for row in acoustic.backgrounds] == ["embedding"]
    assert muq.bridge is None
    assert acoustic.bridge is not None
    assert acoustic.bridge.source == made.generations["muq"]
    assert acoustic.bridge.stored.quality.recall > 0.9


def test_a_bridge_waits_until_texts_were_read_once(made: MadeLibrary, memory: MemoryStore) -> None:
    fit_all(memory, only_outdated=True)
    assert "start one (manage.py work --queue text), then: manage.py fit" in bridge_row().refusal
    read_templates(made)
    fit_all(memory, only_outdated=True)
    assert bridge_row().refusal == ""


def test_texts_that_were_known_once_are_known_still(made: MadeLibrary, memory: MemoryStore) -> None:
    read_templates(made)
    fit_all(memory, only_outdated=True)
    before = kept_bridge(made.generations["acoustic"])
    PromptVector.objects.all().delete()
    fit_all(memory, only_outdated=False)
    after = kept_bridge(made.generations["acoustic"])
    assert before is not None
    assert after is not None
    assert np.array_equal(before.load().weights, after.load().weights)
    assert StoredBackground.objects.get(generation__model="acoustic").texts == len(sentences())


def test_a_text_crosses_the_bridge_into_its_genre(made: MadeLibrary, memory: MemoryStore) -> None:
    templates = read_templates(made)
    fit_all(memory, only_outdated=True)
    bridge = open_spaces(["acoustic"], memory).spaces[0].bridge()
    assert bridge is not None
    mapped = bridge.load().map(np.stack([templates[words] for words in sentences()[:4]]))
    nearest = np.argsort(-mapped @ made.vectors["acoustic"].T, axis=1)[:, :10]
    found = [{made.tracks[place].genres[0] for place in row} for row in nearest.tolist()]
    assert found == [{genre} for genre in PLAN.genres]


def test_templates_are_the_probes_of_texts(made: MadeLibrary, memory: MemoryStore) -> None:
    templates = read_templates(made)
    fit_all(memory, only_outdated=True)
    acoustic, muq = open_spaces([], memory).spaces
    assert np.allclose(muq.text_background("joint").probes, np.stack(list(templates.values())))
    assert acoustic.text_background().probes.shape == (len(templates), 320)
    wordings = dict(StoredBackground.objects.values_list("generation__model", "wording").exclude(wording=""))
    assert wordings == {"muq": "tower", "acoustic": "bridge"}


def test_pairs_that_do_not_belong_together_are_refused_with_the_number(made: MadeLibrary, memory: MemoryStore) -> None:
    read_templates(made)
    exchange(made, memory)
    fit_all(memory, only_outdated=True)
    row = bridge_row()
    assert row.quality.recall < 0.3
    assert f"finds {row.quality.recall:.1%} of tracks among the 10 nearest" in row.refusal
    assert "guessing finds 12.5%" in row.refusal
    bridge = kept_bridge(made.generations["acoustic"])
    assert bridge is not None
    with pytest.raises(ValueError, match="too little"):
        bridge.load()


def test_a_bridge_that_is_refused_has_no_texts(made: MadeLibrary, memory: MemoryStore) -> None:
    read_templates(made)
    fit_all(memory, only_outdated=True)
    exchange(made, memory)
    fit_all(memory, only_outdated=False)
    assert StoredBackground.objects.get(generation__model="acoustic").wording == ""


def test_the_setting_refuses_what_is_not_good_enough(made: MadeLibrary, memory: MemoryStore, settings: Any) -> None:
    read_templates(made)
    settings.BRIDGE_LEAST_RECALL = 1.01
    fit_all(memory, only_outdated=True)
    assert "too little to trust it" in bridge_row().refusal


def test_what_may_be_chance_is_refused_whatever_the_setting(
    made: MadeLibrary, memory: MemoryStore, settings: Any
) -> None:
    read_templates(made)
    settings.BRIDGE_LEAST_RECALL = -1.0
    exchange(made, memory)
    fit_all(memory, only_outdated=True)
    assert "too little to trust it" in bridge_row().refusal


def test_few_tracks_teach_nothing(memory: MemoryStore) -> None:
    make_library(memory, replace(PLAN, artists=3))
    fit_all(memory, only_outdated=True)
    assert bridge_row().refusal == (
        "Only 24 tracks have vectors of both muq and acoustic; a bridge is learned from 50."
    )
    assert len(bridge_row().weights) == 0


def test_only_tracks_in_common_are_learned_from(made: MadeLibrary, memory: MemoryStore) -> None:
    TrackVector.objects.filter(generation__model="muq", track__in=made.tracks[:20]).delete()
    fit_all(memory, only_outdated=True)
    assert bridge_row().tracks == 60


def test_a_bridge_from_what_is_not_live_any_more_is_not_used(made: MadeLibrary, memory: MemoryStore) -> None:
    read_templates(made)
    fit_all(memory, only_outdated=True)
    Generation.objects.filter(model="muq").update(state=GenerationState.RETIRED)
    assert open_spaces(["acoustic"], memory).spaces[0].bridge() is None
    (acoustic,) = fit_all(memory, only_outdated=True)
    assert acoustic.bridge is None
    assert acoustic.backgrounds[0].wording == ""


def test_what_describes_what_is_there_is_kept(made: MadeLibrary, memory: MemoryStore) -> None:
    read_templates(made)
    first = [row.fitted_at for fitted in fit_all(memory, only_outdated=True) for row in fitted.backgrounds]
    bridged = bridge_row().fitted_at
    again = [row.fitted_at for fitted in fit_all(memory, only_outdated=True) for row in fitted.backgrounds]
    assert (again, bridge_row().fitted_at) == (first, bridged)
    fit_all(memory, only_outdated=False)
    assert bridge_row().fitted_at > bridged


@pytest.mark.parametrize("model", ["acoustic", "muq"])
def test_a_bridge_is_learned_anew_when_either_end_changed(made: MadeLibrary, memory: MemoryStore, model: str) -> None:
    read_templates(made)
    fit_all(memory, only_outdated=True)
    before = bridge_row().fitted_at
    live = made.generations[model]
    TrackVector.objects.record([TrackVector(generation=live, track=track) for track in made.tracks[:1]])
    fit_all(memory, only_outdated=True)
    assert bridge_row().fitted_at == before
    TrackVector.objects.record([TrackVector(generation=live, track=track) for track in made.tracks[:9]])
    fit_all(memory, only_outdated=True)
    assert bridge_row().fitted_at > before
    # What texts look like there is what the new bridge makes of them.
    assert StoredBackground.objects.get(generation__model="acoustic").fitted_at > bridge_row().fitted_at


def test_a_generation_that_is_gone_keeps_nobody_from_being_fitted(made: MadeLibrary, memory: MemoryStore) -> None:
    memory.remove_alias("acoustic_embedding")
    memory.drop(made.generations["acoustic"].collection)
    assert [fitted.generation.model for fitted in fit_all(memory, only_outdated=True)] == ["muq"]


def test_a_worker_that_has_to_end_does_not_go_on(made: MadeLibrary, memory: MemoryStore) -> None:
    assert fit_all(memory, only_outdated=True, should_stop=lambda: True) == []
    assert not StoredBackground.objects.exists()


def test_an_unknown_model_is_refused(memory: MemoryStore) -> None:
    with pytest.raises(UnknownEmbedder):
        fit_all(memory, models=["vggish"], only_outdated=True)


def test_the_text_worker_reads_the_templates(memory: MemoryStore, reader: Path) -> None:
    made = make_library(memory, replace(PLAN, models=("acoustic", "words")))
    Generation.objects.filter(model="words").update(checkpoint=write_words(reader))
    acoustic, words = fit_all(memory, only_outdated=True)
    assert PromptVector.objects.filter(model="words").count() == len(sentences())
    assert [row.texts for row in words.backgrounds] == [0, len(sentences())]
    assert acoustic.bridge is not None
    assert acoustic.bridge.source == made.generations["words"]
    assert acoustic.bridge.stored.knows_texts
