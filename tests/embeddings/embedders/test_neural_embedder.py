"""The base of neural embedders: batches, memory that runs out, precision, and what is left untouched."""

import random
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from embeddings.domain import Embedding, Precision, Span, Window
from embeddings.embedders.base import Runtime
from embeddings.errors import OutOfMemory, VectorInvalid, WorkerUnfit
from tests.embeddings.embedders.small_models import (
    SPEC,
    WIDTH,
    HungryEmbedder,
    SmallEmbedder,
    UnstableEmbedder,
    loud_window,
    stacked,
    window,
)

EIGHT = [window(seed) for seed in range(8)]
WIDE = replace(SPEC, window_megabytes=0.0)
"""Of whose windows eight fit."""


def embedded(embedder: SmallEmbedder, windows: Sequence[Window]) -> Embedding:
    return embedder.pool([each.span for each in windows], embedder.embed_windows(windows))


def test_a_batch_gives_what_each_window_gives_alone() -> None:
    together = stacked(SmallEmbedder(spec=WIDE).embed_windows(EIGHT))
    alone = stacked([SmallEmbedder().embed_windows([each])[0] for each in EIGHT])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_a_call_is_computed_in_batches_of_what_fits() -> None:
    embedder = SmallEmbedder()
    embedder.embed_windows(EIGHT)
    assert embedder.batch_windows == 4
    assert embedder.sizes == [4, 4]


def test_stereo_windows_arrive_as_they_are() -> None:
    stereo = [window(seed, shape=(100, 2)) for seed in (1, 2)]
    seen: list[torch.Tensor] = []

    class Stereo(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            seen.append(samples)
            return samples.mean(dim=1).unbind()

    Stereo().embed_windows(stereo)
    np.testing.assert_array_equal(seen[0].numpy(), [each.samples for each in stereo])


def test_a_track_becomes_a_unit_vector() -> None:
    vector = embedded(SmallEmbedder(), EIGHT).vector
    assert vector.shape == (3 * WIDTH,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0)


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    embedder = HungryEmbedder(spec=WIDE)
    found = stacked(embedder.embed_windows(EIGHT))
    assert embedder.sizes == [8, 4, 2, 2, 2, 2]
    whole = stacked(SmallEmbedder(spec=WIDE).embed_windows(EIGHT))
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)


def test_a_halved_batch_is_remembered_and_told() -> None:
    told: list[str] = []
    embedder = HungryEmbedder(Runtime(report=told.append), WIDE)
    embedder.embed_windows(EIGHT)
    embedder.embed_windows(EIGHT)
    assert embedder.batch_windows == 2
    assert "batch 2" in embedder.standing
    assert told == ["small takes 2 windows at a time instead of 8: more do not fit into the memory of cpu."]


def test_a_window_that_does_not_fit_alone_fails_alone() -> None:
    embedder = HungryEmbedder(spec=WIDE)
    found = embedder.embed_windows([*EIGHT[:2], loud_window(2), *EIGHT[3:]])
    assert [type(entry) for entry in found] == [torch.Tensor] * 2 + [OutOfMemory] + [torch.Tensor] * 5
    assert str(found[2]) == "Its 1 s from second 2 do not fit into the memory of cpu."


def test_a_window_too_large_by_itself_leaves_the_batch_as_it_was() -> None:
    embedder = HungryEmbedder(spec=WIDE)
    embedder.embed_windows([loud_window(0), window(1)])
    assert embedder.batch_windows == 8


def test_nothing_of_a_failed_attempt_is_held_when_the_next_begins() -> None:
    taken: list[weakref.ref[torch.Tensor]] = []

    class Holding(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            assert not any(ref() is not None for ref in taken)
            taken.append(weakref.ref(samples))
            if len(samples) > 1:
                raise torch.OutOfMemoryError
            return super().compute(samples, windows)

    assert len(Holding().embed_windows(EIGHT[:4])) == 4
    assert len(taken) == 6


def test_any_other_error_of_a_model_is_loud() -> None:
    class Broken(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        Broken().embed_windows(EIGHT)


def test_a_track_that_cannot_be_folded_for_memory_says_so() -> None:
    class Folding(SmallEmbedder):
        def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
            raise torch.OutOfMemoryError

    with pytest.raises(OutOfMemory, match="8 windows together"):
        embedded(Folding(), EIGHT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_never_becomes_a_vector(value: float) -> None:
    broken = window(1)
    broken.samples[50] = value
    with pytest.raises(VectorInvalid):
        embedded(SmallEmbedder(), [window(0), broken, window(2)])


def test_bfloat16_that_is_close_enough_is_used() -> None:
    coarse = stacked(SmallEmbedder(Runtime(precision="bfloat16")).embed_windows(EIGHT))
    exact = stacked(SmallEmbedder().embed_windows(EIGHT))
    assert coarse.dtype == torch.float32
    assert 0 < (coarse - exact).abs().max() < 1e-2


def test_bfloat16_is_compared_with_float32_on_three_windows() -> None:
    embedder = SmallEmbedder(Runtime(precision="bfloat16"))
    embedder.embed_windows(EIGHT[:4])
    embedder.embed_windows(EIGHT[:4])
    assert embedder.sizes == [4, 1, 1, 1, 4]


def test_bfloat16_that_is_not_close_enough_is_refused() -> None:
    with pytest.raises(WorkerUnfit, match="set PRECISION=float32"):
        UnstableEmbedder(Runtime(precision="bfloat16")).embed_windows(EIGHT)


@pytest.mark.parametrize("gain", [0.0, 1e-4])
def test_silence_proves_nothing_about_a_precision(gain: float) -> None:
    embedder = UnstableEmbedder(Runtime(precision="bfloat16"))
    embedder.embed_windows([window(0, gain=gain)] * 4)
    with pytest.raises(WorkerUnfit):
        embedder.embed_windows(EIGHT)


def switches() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic


@pytest.fixture
def other_switches() -> Iterator[tuple[bool, ...]]:
    """Torch as somebody else has set it: the opposite of what an embedder needs."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = switches()
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = True, True, True, False
    yield switches()
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_switches_of_torch_are_set_and_put_back(precision: Precision, other_switches: tuple[bool, ...]) -> None:
    inside: list[tuple[bool, ...]] = []

    class Looking(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            inside.append(switches())
            return super().compute(samples, windows)

    Looking(Runtime(precision=precision)).embed_windows(EIGHT)
    assert set(inside) == {(False, False, False, True)}
    assert switches() == other_switches
    assert not torch.is_inference_mode_enabled()


def test_random_numbers_of_others_stay_theirs() -> None:
    embedder = SmallEmbedder(Runtime(precision="bfloat16"))
    before = torch.get_rng_state(), random.getstate()
    embedded(embedder, EIGHT)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_a_closed_embedder_holds_no_weights() -> None:
    embedder = SmallEmbedder()
    part = next(embedder.model.children())
    embedder.close()
    assert all(parameter.is_meta for parameter in part.parameters())


def test_a_precision_that_the_model_has_not_is_refused() -> None:
    with pytest.raises(WorkerUnfit, match="set PRECISION=auto"):
        SmallEmbedder(Runtime(precision="bfloat16"), replace(SPEC, precisions=("tf32", "float32")))
