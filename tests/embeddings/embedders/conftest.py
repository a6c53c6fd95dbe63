"""The acoustic model, and the sample's tracks decoded once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.domain import Samples
from embeddings.embedders.acoustic import AcousticEmbedder
from embeddings.embedders.base import Runtime
from tests.embeddings.embedders.listening import embed_each, hear_all


@pytest.fixture(scope="session")
def acoustic() -> AcousticEmbedder:
    return AcousticEmbedder(Runtime())


@pytest.fixture(scope="session")
def heard(acoustic: AcousticEmbedder) -> dict[str, Samples]:
    return hear_all(acoustic.spec.sample_rate)


@pytest.fixture(scope="session")
def originals(acoustic: AcousticEmbedder, heard: dict[str, Samples]) -> NDArray[np.float32]:
    """[tracks, dimension], in the order of `heard`."""
    return embed_each(acoustic, list(heard.values()))
