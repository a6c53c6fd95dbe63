"""Enrichment against the formula it stands for."""

import numpy as np
import pytest
import torch

from embeddings.embedders.neural.enrich import CHUNK_ELEMENTS, enrich, to_vector
from embeddings.errors import VectorInvalid


def literal(x: torch.Tensor) -> torch.Tensor:
    """As the formula is written, with torch's own quantile."""
    quarter, three = (torch.quantile(x, q, dim=-1) for q in (0.25, 0.75))
    steps = (x[:, 1:] - x[:, :-1]).mean(dim=-1) if x.shape[1] > 1 else torch.zeros(len(x))
    whole = torch.cat([x.mean(dim=-1), (three - quarter) / 1.3489795003921634, steps])
    return torch.nn.functional.normalize(whole, dim=0)


def features(count: int, windows: int) -> torch.Tensor:
    return torch.randn(count, windows, generator=torch.Generator().manual_seed(windows)) * 3 + 1


@pytest.mark.parametrize("windows", [1, 2, 3, 4, 5, 7, 43, 360])
def test_it_is_the_formula(windows: int) -> None:
    x = features(50, windows)
    torch.testing.assert_close(enrich(x), literal(x), rtol=0, atol=1e-6)


def test_chunks_of_features_change_nothing() -> None:
    x = features(CHUNK_ELEMENTS // 4096 + 5, 4096)
    torch.testing.assert_close(enrich(x), literal(x), rtol=0, atol=1e-6)


def test_it_has_no_limit_of_elements() -> None:
    x = torch.arange(2**24 + 5, dtype=torch.float32).reshape(1, -1) / 2**24
    with pytest.raises(RuntimeError, match="too large"):
        torch.quantile(x, 0.25, dim=-1)
    mean, spread, trend = enrich(x).double()
    assert spread / mean == pytest.approx(1 / 1.3489795003921634, rel=1e-5)
    assert trend / mean == pytest.approx(2 / 2**24, rel=1e-5)


def test_one_window_has_no_spread_and_no_trend() -> None:
    vector = enrich(features(4, 1))
    assert not vector[4:].any()
    assert torch.linalg.vector_norm(vector[:4]).item() == pytest.approx(1.0)


def test_it_takes_what_is_not_contiguous() -> None:
    x = features(6, 9)
    torch.testing.assert_close(enrich(x.T.contiguous().T), literal(x), rtol=0, atol=1e-6)


def test_a_vector_is_float32_on_the_host_and_its_own() -> None:
    for source in (torch.ones(3), torch.ones(3, dtype=torch.bfloat16)):
        vector = to_vector(source)
        source.zero_()
        assert vector.dtype == np.float32
        assert vector.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_bad_number_of_one_window_is_found(value: float) -> None:
    x = features(4, 9)
    x[2, 5] = value
    with pytest.raises(VectorInvalid, match="not finite"):
        to_vector(enrich(x))


def test_nothing_but_zeros_is_no_vector() -> None:
    with pytest.raises(VectorInvalid, match="zeros"):
        to_vector(enrich(torch.zeros(4, 9)))
