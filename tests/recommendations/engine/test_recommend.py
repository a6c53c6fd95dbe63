"""What the engine answers: seeds, merges, filters, exclusions, and what it refuses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from embeddings.domain import Hit, Vector
from embeddings.errors import BackendUnavailable, NotFound, Refused
from embeddings.models import Generation, GenerationState, Track
from embeddings.store.base import VectorField
from embeddings.store.memory import MemoryStore
from recommendations.domain import Exclusions, Filter, Merge, Prompt, Request, Seed, Variety, VectorSeed
from recommendations.engine import recommend
from tests.recommendations.engine.conftest import NOW, Asker

ANY = Variety(per_artist=0, per_album=0)


def test_an_answer_is_of_the_seeds_genre(asker: Asker) -> None:
    seeds = asker.made.of_genre("Jazz")[:3]
    assert set(asker.genres(*seeds, limit=15, variety=ANY)) == {"Jazz"}


def test_every_seed_has_influence(asker: Asker) -> None:
    jazz, metal = asker.made.of_genre("Jazz")[0], asker.made.of_genre("Metal")[0]
    genres = asker.genres(jazz, metal, limit=20, variety=ANY)
    assert min(genres.count("Jazz"), genres.count("Metal")) >= 5


def test_the_order_of_equal_seeds_changes_nothing(asker: Asker) -> None:
    seeds = [asker.made.of_genre(genre)[0] for genre in ("Jazz", "Metal", "Folk")]
    assert asker.ask(*seeds) == asker.ask(*reversed(seeds))


def test_a_heavier_seed_brings_more_of_its_own(asker: Asker) -> None:
    jazz, metal = (str(asker.made.of_genre(genre)[0].pk) for genre in ("Jazz", "Metal"))
    counts = [
        asker.genres(Seed(key=jazz, weight=weight), Seed(key=metal), limit=20, variety=ANY).count("Jazz")
        for weight in (0.05, 1.0, 20.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def test_a_seed_of_weight_zero_has_no_say(asker: Asker) -> None:
    jazz, metal = asker.made.of_genre("Jazz")[0], asker.made.of_genre("Metal")[0]
    found = asker.genres(jazz, Seed(key=str(metal.pk), weight=0.0), limit=10, variety=ANY)
    assert set(found) == {"Jazz"}


def test_what_was_played_long_ago_weighs_less_in_recent_mode(asker: Asker) -> None:
    jazz, metal = (str(asker.made.of_genre(genre)[0].pk) for genre in ("Jazz", "Metal"))
    old = Seed(key=jazz, played_at=NOW - timedelta(days=300))
    fresh = Seed(key=metal, played_at=NOW - timedelta(days=1))
    recent = asker.genres(old, fresh, mode="recent", limit=15, variety=ANY)
    anyway = asker.genres(old, fresh, mode="custom", limit=15, variety=ANY)
    assert recent.count("Jazz") < anyway.count("Jazz")


def test_seeds_and_what_is_excluded_never_come(asker: Asker) -> None:
    jazz = asker.made.of_genre("Jazz")
    first = asker.ids(jazz[0], limit=10, variety=ANY)
    again = asker.ids(jazz[0], limit=10, variety=ANY, exclude=Exclusions(track_ids=first[:4]))
    assert not {str(jazz[0].pk), *first[:4]} & set(again)
    assert again[: len(first) - 4] == first[4:]


def test_an_answer_names_no_track_twice(asker: Asker) -> None:
    found = asker.ids(*asker.made.tracks[:30], limit=60, variety=ANY)
    assert len(found) == len(set(found)) == 60


def test_a_filter_lets_through_what_it_says(asker: Asker) -> None:
    seed = asker.made.of_genre("Jazz")[0]
    wanted = Filter(genres=["METAL", "folk"], years=(1970, 1999))
    found = asker.ask(seed, limit=20, variety=ANY, filter=wanted)
    assert {one.candidate.genres[0] for one in found.tracks} == {"Metal", "Folk"}
    assert all(1970 <= (one.candidate.year or 0) <= 1999 for one in found.tracks)


def test_a_track_whose_file_is_gone_does_not_come(asker: Asker) -> None:
    seed = asker.made.of_genre("Jazz")[0]
    first = asker.ids(seed, limit=5, variety=ANY)
    Track.objects.filter(pk=first[0]).update(missing_since=NOW)
    assert asker.ids(seed, limit=4, variety=ANY) == first[1:]


def test_union_contains_the_intersection(asker: Asker) -> None:
    seeds = asker.made.of_genre("Jazz")[:3]
    both = asker.ids(*seeds, limit=10, variety=ANY, merge=Merge(strategy="intersection"))
    any_of = asker.ids(*seeds, limit=90, variety=ANY)
    assert both
    assert set(both) <= set(any_of)


def test_more_models_than_there_are_cannot_agree(asker: Asker) -> None:
    with pytest.raises(Refused, match="3 models have to agree on a track, and only 2 are asked") as caught:
        asker.ask(asker.made.tracks[0], models=["acoustic", "muq"], merge=Merge(agreement=3))
    assert caught.value.code == "bad_agreement"


def test_a_model_without_vectors_is_named_and_the_others_answer(asker: Asker) -> None:
    answer = asker.ask(asker.made.tracks[0], models=["acoustic", "mert"])
    assert answer.models == ("acoustic",)
    assert any("mert" in warning for warning in answer.warnings)
    assert answer.tracks


def test_a_vector_of_any_norm_is_a_seed(asker: Asker) -> None:
    vector = 7.0 * asker.made.vectors["latent"][0]
    found = recommend(
        Request(seeds=[VectorSeed(vectors={"latent": vector.tolist()})], models=["latent"], limit=1), store=asker.store
    )
    assert found.tracks[0].candidate.id == str(asker.made.tracks[0].pk)


def test_discovery_reaches_farther_than_the_nearest(asker: Asker) -> None:
    seed = asker.made.of_genre("Jazz")[0]
    near = asker.ids(seed, limit=5, variety=replace(ANY, diversity=0.0), mode="custom")
    far = asker.ids(seed, limit=5, variety=ANY, mode="discovery")
    assert near != far


@pytest.mark.parametrize("prompts", [[], [Prompt(text="jazz", weight=0.0)]])
def test_what_weighs_nothing_asks_nothing(asker: Asker, prompts: Sequence[Prompt]) -> None:
    seeds = [Seed(key=str(asker.made.tracks[0].pk), weight=0.0), Seed(key="never-heard-of", weight=0.0)]
    with pytest.raises(Refused) as caught:
        asker.ask(*seeds, prompts=prompts)
    assert caught.value.code == "nothing_asked"


def test_nothing_asked_is_refused(asker: Asker) -> None:
    with pytest.raises(Refused) as caught:
        asker.ask()
    assert caught.value.code == "nothing_asked"


def test_seeds_that_nobody_knows_are_not_found(asker: Asker) -> None:
    with pytest.raises(NotFound, match="never-heard-of"):
        asker.ask(Seed(key="never-heard-of"))


def test_a_mode_that_does_not_exist_is_refused(asker: Asker) -> None:
    with pytest.raises(Refused, match="'dance'"):
        asker.ask(asker.made.tracks[0], mode="dance")


def test_a_dead_store_is_an_error(asker: Asker) -> None:
    class Dead(MemoryStore):
        def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
            raise BackendUnavailable("The vector store does not answer.")

    with pytest.raises(BackendUnavailable):
        recommend(Request(seeds=[Seed(key=str(asker.made.tracks[0].pk))]), store=Dead())


def test_a_lost_generation_of_one_model_is_a_warning(asker: Asker) -> None:
    generation = asker.made.generations["latent"]
    asker.store.remove_alias("latent_embedding")
    asker.ask(asker.made.tracks[0])
    asker.store.drop(generation.collection)
    answer = asker.ask(asker.made.tracks[0])
    assert generation.state == GenerationState.LIVE
    assert answer.models == ("acoustic", "muq")
    assert any("latent" in warning for warning in answer.warnings)


def test_a_collection_that_is_renewed_meanwhile_is_asked_under_its_new_name(
    transactional_db: None, asker: Asker
) -> None:
    generation = asker.made.generations["latent"]
    before, after = generation.collection, f"{generation.collection}_labelled"

    def renew() -> None:
        if before in asker.store.collections():
            asker.store.rename(before, after)
            Generation.objects.filter(pk=generation.pk).update(collection=after)
            connection.close()

    class Renewing(MemoryStore):
        def search(self, collection: str, *args: Any, **wanted: Any) -> list[list[Hit]]:
            renew()
            return asker.store.search(collection, *args, **wanted)

        def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
            return asker.store.fetch(collection, ids, field=field)

    seed = Seed(key=str(asker.made.tracks[0].pk))
    answer = recommend(Request(seeds=[seed], models=["latent"], limit=5), store=Renewing())
    assert len(answer.tracks) == 5
    assert not answer.warnings


def test_a_filter_that_lets_nothing_pass_is_said_to(asker: Asker) -> None:
    answer = asker.ask(asker.made.tracks[0], filter=Filter(genres=["polka"]))
    assert answer.tracks == ()
    assert any("passes the filters" in warning for warning in answer.warnings)


def test_the_ranks_of_a_model_do_not_count_its_seeds(asker: Asker) -> None:
    jazz = asker.made.of_genre("Jazz")
    answer = asker.ask(*jazz[:12], limit=3, models=["latent"], variety=Variety(per_artist=0, per_album=0))
    assert [one.explanation.models[0].rank for one in answer.tracks] == [1, 2, 3]
