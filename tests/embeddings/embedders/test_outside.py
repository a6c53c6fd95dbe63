from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.embedders import get_spec
from embeddings.embedders.outside import stored_form
from embeddings.embedders.projection import project
from embeddings.errors import Refused

MERT, MUQ = get_spec("mert"), get_spec("muq")


def noise(length: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(length)


def test_long_vectors_are_projected_as_tracks_are() -> None:
    given = noise(MERT.outside_dimension)
    assert stored_form(MERT, [given])[0] == pytest.approx(project(given, MERT.dimension), abs=1e-6)


def test_vectors_of_the_stored_length_are_only_given_unit_length() -> None:
    given = noise(MERT.dimension)
    assert stored_form(MERT, [given])[0] == pytest.approx(given / np.linalg.norm(given), abs=1e-6)


def test_both_lengths_may_stand_side_by_side() -> None:
    given = [noise(MERT.dimension).tolist(), noise(MERT.outside_dimension).tolist()]
    stored = stored_form(MERT, given)
    assert stored.dtype == np.float32
    assert np.linalg.norm(stored, axis=1) == pytest.approx(1, abs=1e-6)


def test_no_vectors_are_no_vectors() -> None:
    assert stored_form(MERT, []).shape == (0, MERT.dimension)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_norms_beyond_float32_do_not_matter(scale: float) -> None:
    given = noise(MUQ.dimension)
    assert stored_form(MUQ, [scale * given])[0] == pytest.approx(stored_form(MUQ, [given])[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1.0] * 76_799, "Vector 2 for mert has 76799 numbers instead of 4096 or 76800"),
        ([], "has 0 numbers"),
        ([0.0] * 4096, "is all zero"),
        ([float("nan")] * 4096, "not finite"),
        ([float("inf")] * 76_800, "not finite"),
        ([[1.0] * 4096], "is no list of numbers"),
        ("music", "is no list of numbers"),
        ([1.0, [2.0]], "is no list of numbers"),
        (1.0, "is no list of numbers"),
        (["1.0"] * 4096, "is no list of numbers"),
        ([b"1"] * 4096, "is no list of numbers"),
        ([True] * 4096, "is no list of numbers"),
        ([None] * 4096, "is no list of numbers"),
        (np.zeros(4096, dtype="datetime64[s]"), "is no list of numbers"),
        ([1j] * 4096, "is no list of numbers"),
        ([10**400] * 4096, "is no list of numbers"),
    ],
    ids=[
        "length",
        "empty",
        "zero",
        "nan",
        "infinite",
        "nested",
        "text",
        "ragged",
        "number",
        "words",
        "bytes",
        "truths",
        "nothing",
        "dates",
        "complex",
        "huge",
    ],
)
def test_what_is_no_vector_is_refused_with_a_sentence(given: Any, words: str) -> None:
    with pytest.raises(Refused, match=words):
        stored_form(MERT, [noise(MERT.dimension), given])


def test_a_model_without_projection_takes_one_length() -> None:
    with pytest.raises(Refused, match="has 4096 numbers instead of 1536"):
        stored_form(MUQ, [noise(4096)])
