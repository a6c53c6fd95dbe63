"""Batched, streamed, deduplicated and pooled in another thread, the vectors are still the predecessor's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embeddings.embedders import get_spec
from embeddings.embedders.projection import project
from tests.golden.conftest import Heard, distance
from tests.golden.music import CASES, independently_decoded
from tests.reference import Array, Model, Told

CLOSE = 1e-5
"""Of the vector's norm, in its worst number. Rounding alone gives some 1e-8; with real weights 1e-4 would do."""

KEYS = ("muq", "mert", "latent")

Both = Callable[[str], dict[str, Heard]]


def stored(key: str, told: Told) -> Array:
    """The reference's vector in the form that the store holds."""
    spec = get_spec(key)
    return project(told.vector, spec.dimension) if spec.outside_dimension else told.vector


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("key", KEYS)
def test_a_vector_is_the_predecessors(key: str, name: str, heard: Both) -> None:
    one = heard(key)[name]
    assert distance(one.embedding.vector, stored(key, one.told)) < CLOSE


@pytest.mark.parametrize("name", CASES)
def test_the_joint_vector_is_the_mean_direction_of_the_clips(name: str, heard: Both) -> None:
    one = heard("muq")[name]
    assert one.embedding.joint is not None
    assert one.told.joint is not None
    assert distance(one.embedding.joint, one.told.joint) < CLOSE


@pytest.mark.parametrize("name", ["29-s.flac", "121-s.wav"])
@pytest.mark.parametrize("key", KEYS)
def test_it_is_so_for_audio_that_others_decoded(
    key: str, name: str, heard: Both, reference: Callable[[str], Model], files: Path
) -> None:
    told = reference(key)(independently_decoded(files / name, get_spec(key)))
    assert distance(heard(key)[name].embedding.vector, stored(key, told)) < CLOSE


@pytest.mark.parametrize("key", KEYS)
def test_these_models_tell_the_files_apart(key: str, heard: Both) -> None:
    vectors = [one.embedding.vector for one in heard(key).values()]
    pairs = [distance(one, other) for index, one in enumerate(vectors) for other in vectors[:index]]
    assert min(pairs) > 200 * CLOSE
