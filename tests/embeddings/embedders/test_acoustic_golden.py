"""A change of any of these numbers is a new spec version: vectors of both would not be comparable."""

import numpy as np
import pytest

from embeddings.domain import Samples
from embeddings.embedders.acoustic import AcousticEmbedder
from tests.embeddings.embedders.listening import embed

GOLDEN = {
    "11 - Unrest theme": [-0.07896, -0.06117, 0.08327, -0.15098, 0.0148, 0.13739, 0.13634, -0.07828],
    "09 - Title theme": [-0.12733, 0.03514, -0.02739, -0.13976, -0.13353, 0.20015, -0.18289, -0.03106],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_vector_is_the_one_of_version_1(acoustic: AcousticEmbedder, heard: dict[str, Samples], name: str) -> None:
    assert acoustic.spec.version == 1
    assert embed(acoustic, heard[name])[:8] == pytest.approx(np.array(GOLDEN[name]), abs=5e-4)
