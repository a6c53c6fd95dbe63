"""A made-up library behind the application: in the catalogue, and in the vector store that its doors ask."""

from collections.abc import Iterator

import numpy as np
import pytest

from embeddings.embedders import SPECS
from embeddings.models import Track
from embeddings.store.base import VectorStore
from tests.recommendations.library import MadeLibrary, Plan, make_library
from tests.recommendations.remembered import remember

PLAN = Plan(artists=6, models=("acoustic", "muq"), spread=1.3)


@pytest.fixture
def served(store: VectorStore, transactional_db: None) -> Iterator[MadeLibrary]:
    """48 tracks of six artists, in two models; "jazz please" has been read by muq's tower before."""
    made = make_library(store, PLAN)
    middle = np.asarray(made.middles["muq.joint", "Jazz"], np.float32)
    remember(made.generations["muq"], {"jazz please": middle})
    yield made
    for model, generation in made.generations.items():
        store.remove_alias(SPECS[model].alias)
        store.drop(generation.collection)


def song(made: MadeLibrary, title: str) -> Track:
    """The track with this title."""
    return next(track for track in made.tracks if track.title == title)
