"""What only shows in a library that is larger than one search: hits of some models, farther rounds, lost models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from embeddings.domain import Hit, Vector
from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable
from embeddings.store.base import VectorField
from embeddings.store.memory import MemoryStore
from recommendations.domain import Merge, Negatives, Prompt, Request, Seed, Variety
from recommendations.engine import recommend
from tests.recommendations.engine.conftest import NOW, Asker
from tests.recommendations.library import GENRES, Plan, make_library

ANY = Variety(per_artist=0, per_album=0, diversity=0.0)


@pytest.fixture
def large(db: None) -> Asker:
    """640 tracks of two models; a genre has some hundred of them, about as many as one search brings."""
    store = MemoryStore()
    plan = Plan(artists=80, albums=2, tracks=4, genres=GENRES, models=("muq", "latent"), spread=1.3)
    return Asker(made=make_library(store, plan), store=store)


def found_by(asker: Asker, key: str, **wanted: Any) -> list[set[str]]:
    """The models among whose hits each track of the answer is."""
    answer = asker.ask(Seed(key=key), variety=ANY, **wanted)
    return [{share.model for share in one.explanation.models if share.among_hits} for one in answer.tracks]


def test_some_tracks_are_hits_of_one_model_only(large: Asker) -> None:
    found = found_by(large, str(large.made.tracks[0].pk), limit=150)
    assert {"muq"} in found
    assert {"latent"} in found


@pytest.mark.parametrize("merge", [Merge(strategy="intersection"), Merge(agreement=2)])
def test_agreement_is_about_hits(large: Asker, merge: Merge) -> None:
    found = found_by(large, str(large.made.tracks[0].pk), limit=40, merge=merge)
    assert len(found) > 10
    assert all(models == {"muq", "latent"} for models in found)


def test_where_all_that_is_near_is_unwanted_the_search_goes_farther(large: Asker) -> None:
    middle = large.made.middles["muq", "Jazz"]
    seed = Seed(key=str(large.made.of_genre("Jazz")[0].pk))
    unwanted = Negatives(vectors={"muq": [middle.tolist()]}, penalty=0.3)
    near = large.genres(seed, models=["muq"], limit=20, variety=ANY)
    far = large.genres(seed, models=["muq"], limit=20, variety=ANY, negatives=unwanted)
    assert set(near) == {"Jazz"}
    assert far.count("Jazz") <= 5


def test_words_count_in_a_model_that_cannot_read_them(large: Asker) -> None:
    large.know(Metal="screaming guitars")
    jazz = large.made.of_genre("Jazz")[0]
    counts = [
        large.genres(jazz, prompts=[Prompt(text="screaming guitars", weight=weight)], limit=20, variety=ANY).count(
            "Metal"
        )
        for weight in (0.01, 1000.0)
    ]
    assert counts[0] <= 5
    assert counts[1] >= 15


def test_negative_words_count_in_a_model_that_cannot_read_them(large: Asker) -> None:
    large.know(Metal="screaming guitars")
    seeds = [large.made.of_genre(genre)[0] for genre in ("Jazz", "Metal")]
    unwanted = Negatives(prompts=[Prompt(text="screaming guitars")], penalty=0.3)
    answer = large.ask(*seeds, limit=20, variety=ANY, negatives=unwanted)
    assert [one.candidate.genres[0] for one in answer.tracks].count("Metal") <= 2
    assert all(one.score <= 1.0 - 0.7 * (one.negative_similarity or 0.0) + 1e-9 for one in answer.tracks)


def test_a_model_that_fails_in_the_first_round_is_named_after_the_last(large: Asker) -> None:
    class Half(MemoryStore):
        def search(self, collection: str, *args: Any, **wanted: Any) -> list[list[Hit]]:
            if collection.startswith(SPECS["latent"].alias):
                raise BackendUnavailable("The disk is full.")
            return large.store.search(collection, *args, **wanted)

        def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
            return large.store.fetch(collection, ids, field=field)

    large.ask(large.made.tracks[0])
    unwanted = Negatives(vectors={"muq": [np.asarray(large.made.middles["muq", "Jazz"]).tolist()]}, penalty=0.3)
    request = Request(
        seeds=[Seed(key=str(large.made.of_genre("Jazz")[0].pk))], limit=20, variety=ANY, negatives=unwanted
    )
    answer = recommend(request, store=Half(), now=NOW)
    assert answer.models == ("muq",)
    assert any("latent" in warning and "The disk is full." in warning for warning in answer.warnings)
