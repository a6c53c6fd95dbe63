"""The same request in two ways: nothing but the configuration is between them."""

import pytest

from embeddings.errors import Refused
from recommendations.comparing import compare
from recommendations.configuration import Configuration
from recommendations.domain import Dislikes, Merge, Negatives, Request, Seed, Variety
from recommendations.modes import RANGES, tuned
from tests.recommendations.engine.conftest import NOW, Asker


def like(asker: Asker, limit: int = 8) -> Request:
    return Request(seeds=[Seed(key=str(asker.made.tracks[0].pk))], limit=limit)


def test_one_way_against_itself_is_wholly_alike(asker: Asker) -> None:
    same = Configuration()
    found = compare(like(asker), same, same, store=asker.store, now=NOW)
    assert (found.likeness.overlap, found.likeness.kendall_tau) == (1, 1)
    assert found.likeness.rank_biased_overlap == pytest.approx(1)
    assert (found.only_a, found.only_b) == (frozenset(), frozenset())
    assert found.a == found.b


def test_two_models_are_told_apart_by_what_only_one_has(asker: Asker) -> None:
    a, b = Configuration(models=["muq"]), Configuration(models=["acoustic"])
    found = compare(like(asker), a, b, store=asker.store, now=NOW)
    in_a, in_b = ({one.candidate.id for one in answer.tracks} for answer in (found.a, found.b))
    assert (found.a.models, found.b.models) == (("muq",), ("acoustic",))
    assert (set(found.only_a), set(found.only_b)) == (in_a - in_b, in_b - in_a)
    assert found.likeness.overlap == pytest.approx(len(in_a & in_b) / 8)


def test_places_beyond_k_do_not_count(asker: Asker) -> None:
    plain, varied = Configuration(), Configuration(variety={"diversity": 1.0})
    found = compare(like(asker), plain, varied, store=asker.store, k=1, now=NOW)
    assert found.likeness.overlap == 1
    assert [one.candidate.id for one in found.a.tracks] != [one.candidate.id for one in found.b.tracks]
    assert (found.only_a, found.only_b) == (frozenset(), frozenset())


def test_a_configuration_changes_what_it_names_and_nothing_else() -> None:
    asked = Request(
        limit=7, tuning={"sharpness": 2.0}, negatives=Negatives(penalty=0.5), dislikes=Dislikes(track_ids=["1"])
    )
    changed = Configuration(
        mode="recent", merge={"agreement": 2}, penalty=0.9, dislike_strength=0.1, tuning={"exploration": 0.3}
    ).applied(asked)
    assert (changed.mode, changed.limit, changed.merge.agreement) == ("recent", 7, 2)
    assert (changed.negatives.penalty, changed.dislikes.strength) == (0.9, 0.1)
    assert changed.dislikes.track_ids == ["1"]
    assert changed.tuning == {"sharpness": 2.0, "exploration": 0.3}


def test_of_merge_and_variety_only_the_fields_that_are_named_change() -> None:
    asked = Request(
        merge=Merge(strategy="priority", priorities={"muq": 1}), variety=Variety(per_artist=0, versions=True)
    )
    changed = Configuration(merge={"agreement": 2}, variety={"diversity": 0.5, "versions": False}).applied(asked)
    assert changed.merge == Merge(strategy="priority", priorities={"muq": 1}, agreement=2)
    assert changed.variety == Variety(diversity=0.5, per_artist=0, versions=False)


@pytest.mark.parametrize("given", [{"nonsense": 1.0}, {"sharpness": -1.0}, {"exploration": float("nan")}])
def test_tuning_that_means_nothing_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(Refused) as refused:
        tuned(given)
    assert refused.value.code == "bad_tuning"


@pytest.mark.parametrize("name", RANGES)
def test_both_ends_of_a_range_are_allowed(name: str) -> None:
    for end in RANGES[name]:
        assert tuned({name: end}) == {name: end}
