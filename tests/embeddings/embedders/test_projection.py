import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.embedders import get_spec
from embeddings.embedders.projection import TERMS, project, tables

LONG, SHORT = 76_800, 4096
GOLDEN = "d5ffeccbde254dd8dd2fde0d1d158deaace94c2f4f093ef064d5008ca51e651a"


def rows(count: int, length: int = LONG) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((count, length)).astype(np.float32)


def cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    products: NDArray[np.float32] = unit @ unit.T
    return products


def test_tables_are_the_ones_of_version_1() -> None:
    """Other tables make stored vectors worthless: they are another version of every spec that projects."""
    table = tables(LONG, SHORT)
    content = table.inputs.astype("<i4").tobytes() + table.signs.astype("i1").tobytes()
    assert get_spec("mert").version == 1
    assert hashlib.sha256(content).hexdigest() == GOLDEN


def test_projected_numbers_are_the_ones_of_version_1() -> None:
    projected = project(np.sin(np.arange(LONG, dtype=np.float32)), SHORT)
    assert projected[:4] == pytest.approx([0.0046788, -0.0186761, 0.0311337, -0.0137584], abs=1e-6)


@pytest.mark.parametrize("length", [LONG, 3600, 5])
def test_every_input_reaches_as_many_outputs_as_any_other(length: int) -> None:
    table = tables(length, SHORT)
    reached = np.bincount(table.inputs[table.signs != 0], minlength=length)
    assert (reached == TERMS).all()


def test_every_output_reads_equally_many_inputs() -> None:
    read = np.count_nonzero(tables(LONG, SHORT).signs, axis=0)
    assert (read == TERMS * LONG // SHORT).all()


def test_signs_are_even() -> None:
    assert abs(tables(LONG, SHORT).signs.mean()) < 0.005


def test_an_input_alone_becomes_equal_shares_of_its_outputs() -> None:
    projected = project(np.eye(100, dtype=np.float32), SHORT)
    assert (np.count_nonzero(projected, axis=1) == TERMS).all()
    assert np.abs(projected[projected != 0]) == pytest.approx(TERMS**-0.5)


def test_projecting_is_linear_but_for_the_length() -> None:
    one, other = rows(2)
    together = project(one + other, SHORT) * np.linalg.norm(dense(one) + dense(other))
    assert together == pytest.approx(dense(one) + dense(other), abs=1e-3)


def dense(vector: NDArray[np.float32]) -> NDArray[np.float64]:
    """The projection by its definition, without its last step."""
    table = tables(LONG, SHORT)
    out = np.zeros(SHORT)
    for inputs, signs in zip(table.inputs, table.signs, strict=True):
        out += vector[inputs].astype(np.float64) * signs
    return out


def test_cosines_are_nearly_kept() -> None:
    common = 2 * rows(1)
    vectors = common + np.random.default_rng(1).standard_normal((40, LONG)).astype(np.float32)
    off = cosines(project(vectors, SHORT)) - cosines(vectors)
    assert np.abs(off).max() < 5 * (1 - 0.8**2) / SHORT**0.5


def test_a_vector_does_not_depend_on_those_beside_it() -> None:
    vectors = rows(3)
    assert np.array_equal(project(vectors, SHORT)[1], project(vectors[1], SHORT))


def test_projected_vectors_have_unit_length_at_any_norm() -> None:
    assert np.linalg.norm(project(1e-6 * rows(2), SHORT), axis=1) == pytest.approx(1, abs=1e-6)


def test_nothing_stays_nothing() -> None:
    assert not project(np.zeros((2, LONG), np.float32), SHORT).any()


@pytest.mark.parametrize(("length", "dimension"), [(0, 4), (5, 0), (5, 6)])
def test_sizes_that_cannot_be_projected_are_an_error(length: int, dimension: int) -> None:
    with pytest.raises(ValueError, match="cannot be projected"):
        tables(length, dimension)
