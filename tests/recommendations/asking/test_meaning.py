"""Words find music of their style in spaces of models that know none, over the bridge, and stubs find any.

A pair of towers was told the styles of half of the tracks; only the other half may be found.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.words.heard import Heard
from bench.words.trials import ASKED, Joint, learn_joint
from embeddings.domain import SearchFilter
from embeddings.store.base import VectorField, VectorStore
from recommendations.asking.wording import read_texts
from recommendations.domain import Exclusions, Negatives, Prompt, Request, Variety
from recommendations.engine import recommend
from recommendations.fitting.fit import fit_all
from recommendations.fitting.spaces import open_spaces
from tests.recommendations.meaning import Meaning, store_meaning

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = [prompt for _, prompt in ASKED]


@pytest.fixture(scope="module")
def joint() -> Joint:
    """A joint space that was learned from half of the tracks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    learned = learn_joint(Heard.load(), seed=1)
    torch.set_num_threads(threads)
    return learned


@pytest.fixture
def meaning(joint: Joint, store: VectorStore, settings: Any) -> Meaning:
    """The tracks, with bridges out of the joint space."""
    # Between vectors of random weights and labels there is little to learn, and little is what this asks for.
    settings.BRIDGE_LEAST_RECALL = 0.02
    return store_meaning(Heard.load(), joint, store)


def found(
    meaning: Meaning, store: VectorStore, model: str, vectors: NDArray[np.float32], field: VectorField = "embedding"
) -> list[list[str]]:
    """The ten nearest to each vector among the tracks whose style nobody told."""
    where = SearchFilter(exclude_ids=meaning.trained)
    hits = store.search(meaning.generations[model].collection, vectors, limit=10, where=where, field=field)
    return [[hit.id for hit in row] for row in hits]


def asked(meaning: Meaning, store: VectorStore, model: str) -> float:
    """P@10 of the nearest to what the prompts became."""
    read = read_texts(WORDS, open_spaces([model], store).spaces).by_model[model]
    return meaning.precision(found(meaning, store, model, np.stack([text.vector for text in read]), read[0].field))


def test_words_find_their_style_in_every_space(meaning: Meaning, store: VectorStore) -> None:
    fit_all(store, only_outdated=False)
    assert meaning.chance < 0.15
    assert asked(meaning, store, "muq") > 0.5
    assert asked(meaning, store, "acoustic") > 0.4
    assert asked(meaning, store, "latent") > 0.2


def test_stubs_find_any_style(meaning: Meaning, store: VectorStore, settings: Any) -> None:
    settings.TEXT_USE_STUBS = True
    for model in ("acoustic", "latent"):
        assert asked(meaning, store, model) < 1.5 * meaning.chance


def test_texts_have_a_mean_of_their_own(meaning: Meaning, store: VectorStore, joint: Joint) -> None:
    fit_all(store, only_outdated=False)
    learned = open_spaces(["acoustic"], store).spaces[0].bridge()
    assert learned
    bridge = learned.load()
    as_tracks = replace(bridge, text_mean=bridge.joint_mean)
    own, others = (found(meaning, store, "acoustic", way.map(joint.prompts)) for way in (bridge, as_tracks))
    assert meaning.precision(own) > meaning.precision(others) + 0.05


def recommended(meaning: Meaning, store: VectorStore, request: Request) -> list[str]:
    asked_for = replace(
        request,
        mode="text",
        models=["acoustic"],
        limit=10,
        exclude=Exclusions(track_ids=meaning.trained),
        variety=Variety(diversity=0.0, per_artist=0, per_album=0, versions=True),
    )
    return [track.candidate.id for track in recommend(asked_for, store=store).tracks]


def test_a_recommendation_in_words_is_of_their_style(meaning: Meaning, store: VectorStore) -> None:
    fit_all(store, only_outdated=False)
    answers = [recommended(meaning, store, Request(prompts=[Prompt(text=text)])) for text in WORDS]
    assert meaning.precision(answers) > 0.4


def test_what_is_not_wanted_in_words_moves_down(meaning: Meaning, store: VectorStore) -> None:
    fit_all(store, only_outdated=False)
    wanted = Request(prompts=[Prompt(text="heroic symphonic music with brass")])
    unwanted = Negatives(prompts=[Prompt(text="an orchestra score with many horns")], penalty=0.3)
    plain, without = (
        [meaning.styles[one] for one in recommended(meaning, store, request)].count("orchestral")
        for request in (wanted, replace(wanted, negatives=unwanted))
    )
    assert without < plain
