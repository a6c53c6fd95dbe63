"""Which device, which precision, how many windows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from embeddings.domain import Precision
from embeddings.embedders import SPECS
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.device import (
    best_precision,
    ran_out_of_memory,
    refuse_fallback,
    require_precision,
    resolve_device,
)
from embeddings.embedders.neural.placing import beside_weights, place, planned_batch
from embeddings.errors import Refused, WorkerUnfit
from tests.embeddings.embedders.small_models import SPEC, small_model

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


def test_the_cpu_is_taken_at_its_word() -> None:
    assert resolve_device("cpu") == "cpu"


@without_gpu
def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert resolve_device("auto") == "cpu"


@without_gpu
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(Refused, match="DEVICE=cpu") as refusal:
        resolve_device(wanted)
    assert refusal.value.code == "device_unavailable"


@pytest.mark.parametrize("wanted", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "auto:1", "cpu:0"])
def test_words_that_name_no_device_are_refused(wanted: str) -> None:
    with pytest.raises(Refused, match="There is no device"):
        resolve_device(wanted)


def test_a_cpu_computes_in_float32_unless_told() -> None:
    assert {best_precision(spec, "cpu") for spec in SPECS.values()} == {"float32"}


def test_a_cpu_may_be_told_to_compute_in_bfloat16() -> None:
    require_precision("bfloat16", "cpu")


def test_a_cpu_has_no_tf32() -> None:
    with pytest.raises(WorkerUnfit, match=r"cpu .* cannot compute in tf32"):
        require_precision("tf32", "cpu")


@pytest.mark.parametrize(("precision", "remedy"), [("bfloat16", "DEVICE=cpu"), ("tf32", "PRECISION=float32")])
def test_a_gpu_that_vanished_is_not_replaced_unnoticed(precision: Precision, remedy: str) -> None:
    with pytest.raises(WorkerUnfit, match=f"{precision}, which is for a GPU, and this worker sees none; .*{remedy}"):
        refuse_fallback("auto", "cpu", precision)


@pytest.mark.parametrize(("wanted", "device", "precision"), [
    ("cpu", "cpu", "bfloat16"), ("auto", "cpu", "float32"), ("auto", "cuda:0", "bfloat16"),
])  # fmt: skip
def test_what_was_asked_for_is_no_fallback(wanted: str, device: str, precision: Precision) -> None:
    refuse_fallback(wanted, device, precision)


def test_torch_says_in_many_ways_that_memory_ran_out() -> None:
    with pytest.raises(RuntimeError) as real:
        torch.empty(1 << 50)
    assert ran_out_of_memory(real.value)
    assert ran_out_of_memory(torch.OutOfMemoryError("no"))
    assert ran_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not ran_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))
    assert not ran_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize(("megabytes", "windows"), [(0, 1), (99, 1), (100, 1), (350, 3), (10_000, 8)])
def test_a_batch_is_what_memory_holds_and_the_spec_allows(megabytes: float, windows: int) -> None:
    assert planned_batch(SPEC, megabytes) == windows


@pytest.mark.parametrize(("megabytes", "windows"), [(220.0, 4), (720.0, 1), (2200.0, 1), (1.0, 4)])
def test_a_cpu_gets_small_batches(megabytes: float, windows: int) -> None:
    assert place(replace(SPEC, window_megabytes=megabytes), small_model(), Runtime()) == windows


def test_weights_leave_the_rest_of_the_budget_to_batches() -> None:
    weights = torch.nn.Linear(1000, 500, bias=False)
    assert beside_weights(SPEC, weights, 0.102) == pytest.approx(100.0)


def test_weights_beyond_the_budget_are_refused() -> None:
    with pytest.raises(WorkerUnfit, match="MAX_GPU_MEMORY_GB"):
        beside_weights(SPEC, torch.nn.Linear(1000, 500), 0.001)


class Unmovable(torch.nn.Linear):
    """Finds no memory on any device."""

    def to(self, *args: Any, **kwargs: Any) -> "Unmovable":
        if args != ("meta",):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().to(*args, **kwargs)


def test_a_model_that_could_not_be_moved_holds_no_memory() -> None:
    model = Unmovable(10, 10)
    with pytest.raises(WorkerUnfit, match="do not fit"):
        place(SPEC, model, Runtime())
    assert model.weight.is_meta


def test_a_placed_model_is_frozen() -> None:
    model = small_model().train()
    place(SPEC, model, Runtime())
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_holding_numpy_to_one_thread_leaves_torch_its_cores() -> None:
    before, pools = torch.get_num_threads(), openmp_threads()
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(1) as other:
        assert torch.get_num_threads() == before
        assert other.submit(torch.get_num_threads).result() == before
        assert openmp_threads() == pools


def openmp_threads() -> dict[str, int]:
    """Threads of each OpenMP library in this process; torch's is one, and others' tests may have held theirs."""
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}
