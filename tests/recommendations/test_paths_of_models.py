"""Song paths where some models know less, do not answer, or have lost their vectors."""

from typing import Any

import pytest
from django.db import connection

from embeddings.domain import Hit
from embeddings.errors import BackendUnavailable, NotEmbedded, UnknownEmbedder
from embeddings.models import Generation
from embeddings.store.memory import MemoryStore
from recommendations.models import StoredBackground
from tests.recommendations.leading import lead
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(db: None, store: MemoryStore) -> MadeLibrary:
    return make_library(store, Plan(models=("acoustic", "latent")))


def test_a_model_without_one_of_the_ends_is_left_out_with_a_warning(made: MadeLibrary, store: MemoryStore) -> None:
    store.delete(made.generations["latent"].collection, [str(made.tracks[12].pk)])
    path = lead(made, store, steps=5, models=("latent", "acoustic", "muq"))
    assert path.models == ("acoustic",)
    assert path.warnings == (
        "The model muq took no part: nothing was embedded with it yet.",
        "latent is left out: it has no vector of 'Artist 01 - Song 01.1.1'.",
    )
    with pytest.raises(NotEmbedded, match=r"latent is left out: it has no vector of 'Artist 01 - Song 01\.1\.1'"):
        lead(made, store, models=("latent",))


def test_unknown_models_and_models_without_vectors_are_told(made: MadeLibrary, store: MemoryStore) -> None:
    with pytest.raises(UnknownEmbedder):
        lead(made, store, models=("nonsense",))
    with pytest.raises(NotEmbedded, match="muq"):
        lead(made, store, models=("muq",))


def test_steps_that_one_model_alone_knows_are_what_that_one_says(made: MadeLibrary, store: MemoryStore) -> None:
    inner = [key for key in made.ids(made.tracks) if key not in made.ids([made.tracks[0], made.tracks[12]])]
    store.delete(made.generations["latent"].collection, inner)
    alone, both = lead(made, store, steps=6, models=("acoustic",)), lead(made, store, steps=6)
    assert both.models == ("acoustic", "latent")
    assert both.steps == alone.steps


class AwayStore(MemoryStore):
    """Searches in some collections do not answer."""

    away: tuple[str, ...] = ()

    def search(self, collection: str, *args: Any, **kwargs: Any) -> list[list[Hit]]:
        """Answer, or not."""
        if collection in self.away:
            raise BackendUnavailable("The store does not answer.")
        return super().search(collection, *args, **kwargs)


def test_a_model_that_does_not_answer_is_warned_of_and_a_store_that_does_not_is_an_error(db: None) -> None:
    store = AwayStore()
    made = make_library(store, Plan(models=("acoustic", "latent")))
    store.away = (made.generations["latent"].collection,)
    path = lead(made, store, steps=5)
    assert path.models == ("acoustic",)
    assert path.warnings == ("latent did not answer and is left out: The store does not answer.",)
    store.away += (made.generations["acoustic"].collection,)
    with pytest.raises(BackendUnavailable, match="does not answer"):
        lead(made, store, steps=5)


def test_a_model_whose_vectors_are_lost_is_left_out_with_a_warning(made: MadeLibrary, store: MemoryStore) -> None:
    lead(made, store, steps=5)
    lost = made.generations["latent"]
    store.remove_alias("latent_embedding")
    store.drop(lost.collection)
    path = lead(made, store, steps=5)
    assert path.models == ("acoustic",)
    assert [said.partition(":")[0] for said in path.warnings] == ["latent did not answer and is left out"]
    StoredBackground.objects.all().delete()
    assert lead(made, store, steps=5).models == ("acoustic",)


class DroppingStore(MemoryStore):
    """Another generation becomes live, and the old one is dropped, at the first search."""

    def search(self, collection: str, *args: Any, **kwargs: Any) -> list[list[Hit]]:
        """Drop, then search."""
        if collection == "acoustic_embedding_g0001" and collection in self.collections():
            self.rename(collection, "acoustic_embedding_g0002")
            Generation.objects.filter(collection=collection).update(collection="acoustic_embedding_g0002")
            # A thread of its own has one of its own, which would keep the database from being emptied.
            connection.close()
        return super().search(collection, *args, **kwargs)


@pytest.mark.django_db(transaction=True)
def test_a_generation_that_is_dropped_in_the_middle_is_asked_for_anew(db: None) -> None:
    store = DroppingStore()
    made = make_library(store, Plan(models=("acoustic",)))
    assert len(lead(made, store, steps=5).steps) == 5
    Generation.objects.update(collection="lost")
    with pytest.raises(NotEmbedded, match="Start a job to embed again"):
        lead(made, store, steps=5)
