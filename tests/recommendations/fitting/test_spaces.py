"""Spaces: which models take part in a request, and what similarity means in each."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from embeddings.conf import StoreConfig
from embeddings.errors import BackendUnavailable, NotEmbedded, UnknownEmbedder
from embeddings.models import Generation, TrackVector
from embeddings.store.base import CollectionMissing, VectorStore
from embeddings.store.memory import MemoryStore
from embeddings.store.milvus import MilvusStore
from recommendations.fitting.sampling import SAMPLED, TextProbes, sample
from recommendations.fitting.spaces import Space, open_spaces
from recommendations.models import StoredBackground
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db(transaction=True)
PLAN = Plan(artists=10, models=("acoustic", "muq"))
TRACKS = 80


@pytest.fixture
def nobody() -> Iterator[VectorStore]:
    """A store that does not answer."""
    store = MilvusStore(StoreConfig(uri="http://127.0.0.1:1", token="", timeout_seconds=2.0))
    yield store
    store.close()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(memory: MemoryStore) -> MadeLibrary:
    """80 tracks in two models."""
    return make_library(memory, PLAN)


def space(store: VectorStore, model: str = "acoustic") -> Space:
    return open_spaces([model], store).spaces[0]


def embed_again(made: MadeLibrary, count: int) -> None:
    """Let vectors be recorded again that were there before."""
    live = made.generations["acoustic"]
    again = [TrackVector(generation=live, track=track, signature="2:2") for track in made.tracks[:count]]
    TrackVector.objects.record(again)


def test_models_come_in_the_order_in_which_they_are_asked_for(made: MadeLibrary, memory: MemoryStore) -> None:
    assert [each.model for each in open_spaces(["muq", "acoustic", "muq"], memory).spaces] == ["muq", "acoustic"]
    assert [each.model for each in open_spaces([], memory).spaces] == ["acoustic", "muq"]
    assert open_spaces([], memory).warnings == ()


def test_a_model_without_vectors_is_named(made: MadeLibrary, memory: MemoryStore) -> None:
    opened = open_spaces(["mert", "muq"], memory)
    assert [each.model for each in opened.spaces] == ["muq"]
    assert opened.warnings == ("The model mert took no part: nothing was embedded with it yet.",)


def test_a_live_generation_without_vectors_is_none(made: MadeLibrary, memory: MemoryStore) -> None:
    TrackVector.objects.filter(generation__model="muq").delete()
    assert [each.model for each in open_spaces([], memory).spaces] == ["acoustic"]


def test_nothing_embedded_at_all_is_refused(made: MadeLibrary, memory: MemoryStore) -> None:
    with pytest.raises(NotEmbedded, match="mert or latent"):
        open_spaces(["mert", "latent"], memory)


def test_an_unknown_model_is_refused(made: MadeLibrary, memory: MemoryStore) -> None:
    with pytest.raises(UnknownEmbedder, match="vggish"):
        open_spaces(["vggish", "acoustic"], memory)


def test_opening_takes_one_query_and_asks_no_store(made: MadeLibrary, nobody: VectorStore) -> None:
    with CaptureQueriesContext(connection) as queries:
        open_spaces([], nobody)
    assert len(queries) == 1


def test_a_missing_background_is_sampled_at_once_and_kept(made: MadeLibrary, memory: MemoryStore) -> None:
    background = space(memory).background()
    row = StoredBackground.objects.get()
    assert (row.field, row.tracks, row.count, row.dimension) == ("embedding", TRACKS, TRACKS, 320)
    held = made.vectors["acoustic"]
    cosines = (held @ held.T)[np.triu_indices(TRACKS, 1)]
    assert (row.mean, row.spread) == pytest.approx((cosines.mean(), cosines.std()), abs=1e-3)
    assert sorted(row.track_ids) == sorted(made.ids(made.tracks))
    assert np.array_equal(background.tracks, row.sampled)


def test_both_fields_have_their_own(made: MadeLibrary, memory: MemoryStore) -> None:
    muq = space(memory, "muq")
    assert muq.background().tracks.shape == (TRACKS, 1536)
    assert muq.background("joint").tracks.shape == (TRACKS, 512)


def test_what_is_kept_needs_no_store_and_one_query(made: MadeLibrary, memory: MemoryStore, nobody: VectorStore) -> None:
    before = space(memory).background()
    with CaptureQueriesContext(connection) as queries:
        after = space(nobody).background()
    assert after is before
    assert len(queries) == 2


def test_a_store_that_does_not_answer_is_no_empty_background(made: MadeLibrary, nobody: VectorStore) -> None:
    with pytest.raises(BackendUnavailable):
        space(nobody).background()
    assert not StoredBackground.objects.exists()


def test_a_generation_that_the_store_lost_is_said_to_be_missing(made: MadeLibrary) -> None:
    with pytest.raises(CollectionMissing):
        space(MemoryStore()).background()


def test_a_large_generation_is_sampled_by_chance_and_always_alike(memory: MemoryStore) -> None:
    made = make_library(memory, replace(PLAN, artists=40, models=("acoustic",)))
    space(memory).background()
    first = StoredBackground.objects.get().track_ids
    StoredBackground.objects.all().delete()
    space(memory).background()
    assert StoredBackground.objects.get().track_ids == first
    assert len(first) == SAMPLED
    artists = {track.artist for track in made.tracks if str(track.pk) in set(first)}
    assert len(artists) == 40


@pytest.mark.parametrize(("changed", "anew"), [(1, False), (2, True), (80, True)])
def test_what_too_much_changed_in_is_sampled_anew(
    made: MadeLibrary, memory: MemoryStore, changed: int, anew: bool
) -> None:
    before = space(memory).background()
    embed_again(made, changed)
    assert (space(memory).background() is not before) is anew


def test_what_is_gone_counts_as_well(made: MadeLibrary, memory: MemoryStore) -> None:
    before = space(memory).background()
    gone = made.tracks[:4]
    TrackVector.objects.filter(track__in=gone, generation__model="acoustic").delete()
    embed_again(made, 0)
    Generation.objects.mark_written([made.generations["acoustic"].pk])
    after = space(memory).background()
    assert after is not before
    assert len(after.tracks) == TRACKS - 4


def test_small_changes_are_looked_at_once_and_add_up(made: MadeLibrary, memory: MemoryStore) -> None:
    before = space(memory).background()
    embed_again(made, 1)
    space(memory).background()
    with CaptureQueriesContext(connection) as queries:
        assert space(memory).background() is before
    assert len(queries) == 2
    TrackVector.objects.filter(track=made.tracks[5]).update(stored_at=timezone.now())
    embed_again(made, 1)
    assert space(memory).background() is not before


def test_of_two_who_sample_at_once_one_row_stays_and_both_go_on(made: MadeLibrary, memory: MemoryStore) -> None:
    def ask(_number: int) -> int:
        try:
            return len(space(memory).background().tracks)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [TRACKS] * 4
    assert StoredBackground.objects.count() == 1


def test_texts_have_their_own_background_where_they_are_known(made: MadeLibrary, memory: MemoryStore) -> None:
    muq = space(memory, "muq")
    assert muq.text_background("joint").probes.shape == (0, 512)
    texts = np.stack([made.middles["muq.joint", genre] for genre in PLAN.genres])
    sample(made.generations["muq"], "joint", memory, texts=TextProbes(vectors=texts, wording="tower"))
    assert np.array_equal(muq.text_background("joint").probes, texts)
    assert muq.background("joint").probes.shape == (TRACKS, 512)


def test_known_texts_outlive_a_new_sample(made: MadeLibrary, memory: MemoryStore) -> None:
    texts = np.eye(3, 320, dtype=np.float32)
    sample(made.generations["acoustic"], "embedding", memory, texts=TextProbes(vectors=texts, wording="bridge"))
    embed_again(made, 40)
    assert np.array_equal(space(memory).text_background().probes, texts)
