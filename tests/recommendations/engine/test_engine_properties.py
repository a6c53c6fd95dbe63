"""Properties that hold for whatever is asked of the engine."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.domain import Exclusions, Merge, Seed, Variety
from tests.recommendations.engine.conftest import Asker

FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACES = st.lists(st.integers(0, 95), min_size=1, max_size=6, unique=True)
MODELS = st.sets(st.sampled_from(["acoustic", "muq", "latent"]), min_size=1).map(sorted)
STRATEGIES = st.sampled_from(["union", "intersection", "priority"])
VARIETY = st.builds(Variety, diversity=st.floats(0, 1), per_artist=st.integers(0, 3), per_album=st.integers(0, 2))


@FEW
@given(PLACES, MODELS, STRATEGIES, VARIETY)
def test_answers_are_sound(asker: Asker, places: list[int], models: list[str], strategy: str, variety: Variety) -> None:
    seeds = [asker.made.tracks[place] for place in places]
    excluded = [str(track.pk) for track in asker.made.tracks[::7]]
    answer = asker.ask(
        *seeds,
        models=models,
        limit=12,
        merge=Merge(strategy=strategy),  # type: ignore[arg-type]
        variety=variety,
        exclude=Exclusions(track_ids=excluded),
    )
    ids = [one.candidate.id for one in answer.tracks]
    assert len(ids) == len(set(ids))
    assert not set(ids) & {*excluded, *(str(seed.pk) for seed in seeds)}
    assert all(0.0 <= one.score <= 1.0 for one in answer.tracks)
    assert all(0.0 <= share.score <= 1.0 for one in answer.tracks for share in one.explanation.models)
    assert [one.explanation.rank_after for one in answer.tracks] == list(range(1, len(ids) + 1))
    shares = [sum(query.share for query in one.explanation.queries) for one in answer.tracks]
    assert np.all(np.array(shares) <= 1.0 + 1e-9)


@FEW
@given(st.permutations(list(range(5))))
def test_the_order_of_seeds_changes_nothing(asker: Asker, order: list[int]) -> None:
    seeds = [asker.made.tracks[17 * place] for place in range(5)]
    assert asker.ask(*(seeds[place] for place in order)) == asker.ask(*seeds)


@FEW
@given(PLACES)
def test_more_agreement_is_found_in_less(asker: Asker, places: list[int]) -> None:
    seeds = [asker.made.tracks[place] for place in places]
    plain = Variety(diversity=0.0, per_artist=0, per_album=0, versions=True)
    found = [
        set(asker.ids(*seeds, limit=96 - len(places), variety=plain, merge=Merge(agreement=agreement)))
        for agreement in (1, 2, 3)
    ]
    assert found[0] >= found[1] >= found[2]


@FEW
@given(PLACES, st.floats(1.0, 100.0))
def test_more_weight_never_lowers_those_nearest_to_a_seed(asker: Asker, places: list[int], weight: float) -> None:
    keys = [str(asker.made.tracks[place].pk) for place in places]
    plain = Variety(diversity=0.0, per_artist=0, per_album=0, versions=True)
    before, after = (
        {
            one.candidate.id: one
            for one in asker.ask(
                *(Seed(key=key, weight=first if key == keys[0] else 1.0) for key in keys),
                limit=90,
                variety=plain,
                models=["latent"],
            ).tracks
        }
        for first in (1.0, weight)
    )
    for key, one in before.items():
        closest = one.explanation.closest
        if closest is not None and closest.track_id == keys[0] and key in after:
            assert after[key].score >= one.score - 1e-9


@FEW
@given(PLACES, st.floats(0, 1))
def test_diversity_starts_with_the_most_relevant(asker: Asker, places: list[int], diversity: float) -> None:
    seeds = [asker.made.tracks[place] for place in places]
    plain, varied = (
        asker.ids(*seeds, limit=8, variety=replace(Variety(), diversity=much)) for much in (0.0, diversity)
    )
    assert plain[0] == varied[0]
