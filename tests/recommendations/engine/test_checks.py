"""What the engine refuses whoever asks, and what it says of what it cannot count."""

from typing import Any

import numpy as np
import pytest

from embeddings.errors import Refused, UnknownEmbedder
from recommendations.domain import Filter, Merge, Negatives, Prompt, Request, Seed, Variety
from recommendations.radio import continue_radio
from tests.recommendations.engine.conftest import NOW, Asker

NAN, INFINITE = float("nan"), float("inf")
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"merge": Merge(strategy="best")}, "bad_merge"),  # type: ignore[arg-type]
    ({"variety": Variety(per_artist=-1)}, "bad_variety"),
    ({"variety": Variety(per_album=-1)}, "bad_variety"),
    ({"variety": Variety(diversity=NAN)}, "bad_diversity"),
    ({"filter": Filter(years=(NAN, 2000))}, "bad_filter"),  # type: ignore[arg-type]
    ({"filter": Filter(seconds=(None, NAN))}, "bad_filter"),
    ({"filter": Filter(seconds=(-INFINITE, None))}, "bad_filter"),
    ({"negatives": Negatives(penalty=NAN)}, "bad_penalty"),
    ({"prompts": [Prompt(text="jazz", weight=NAN)]}, "bad_prompt"),
    ({"prompts": [Prompt(text="jazz", weight=1e308), Prompt(text="folk", weight=1e308)]}, "bad_prompt"),
    ({"negatives": Negatives(prompts=[Prompt(text="jazz", weight=-1.0)])}, "bad_prompt"),
    *(
        ({"tuning": {name: value}}, "bad_tuning")
        for name, value in (
            ("diversity", 1.5),
            ("least_diversity", -0.1),
            ("sharpness", NAN),
            ("half_life_days", INFINITE),
            ("familiarity", -2.0),
            ("exploration", 7.0),
            ("title", 1.0),
        )
    ),
]


@pytest.mark.parametrize(
    ("wanted", "code"), REFUSED, ids=[f"{code}-{place}" for place, (_, code) in enumerate(REFUSED)]
)
def test_what_means_nothing_is_refused_with_its_code(asker: Asker, wanted: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        asker.ask(asker.made.tracks[0], limit=3, **wanted)
    assert caught.value.code == code


@pytest.mark.parametrize("weights", [(1e308, 1e308), (NAN, 1.0), (INFINITE, 1.0)])
def test_a_radio_refuses_impossible_weights_as_well(asker: Asker, weights: tuple[float, float]) -> None:
    ids = asker.made.ids(asker.made.tracks)
    for asked, code in (
        (Request(prompts=[Prompt(text="jazz", weight=each) for each in weights]), "bad_prompt"),
        (Request(seeds=[Seed(key=key, weight=each) for key, each in zip(ids, weights, strict=False)]), "bad_seed"),
    ):
        with pytest.raises(Refused) as caught:
            continue_radio(asked, ids[5:7], store=asker.store, now=NOW)
        assert caught.value.code == code


def test_negative_vectors_of_unknown_models_are_refused(asker: Asker) -> None:
    with pytest.raises(UnknownEmbedder):
        asker.ask(asker.made.tracks[0], negatives=Negatives(vectors={"nobody": [np.ones(320)]}))


def test_negative_vectors_of_models_that_are_not_asked_are_spoken_of(asker: Asker) -> None:
    unwanted = Negatives(vectors={"latent": [asker.made.vectors["latent"][5]]})
    asked = asker.ask(asker.made.tracks[0], negatives=unwanted)
    assert not [said for said in asked.warnings if "count for nothing" in said]
    left_out = asker.ask(asker.made.tracks[0], negatives=unwanted, models=["muq"])
    assert [said for said in left_out.warnings if "latent" in said and "count for nothing" in said]


def test_a_mode_that_goes_by_what_is_known_says_so_where_nobody_was_named(asker: Asker) -> None:
    said = {
        mode: [
            warning for warning in asker.ask(asker.made.tracks[0], mode=mode, limit=3).warnings if "knows" in warning
        ]
        for mode in ("discovery", "favorites", "custom", "recent", "all")
    }
    assert {mode: len(every) for mode, every in said.items()} == {
        "discovery": 1,
        "favorites": 1,
        "custom": 0,
        "recent": 0,
        "all": 0,
    }


def test_a_listener_of_whom_nobody_can_tell_is_spoken_of_once(asker: Asker) -> None:
    answer = asker.ask(asker.made.tracks[0], mode="discovery", limit=3, user="alice")
    assert len([warning for warning in answer.warnings if "knows" in warning]) == 1
