"""Puts a model onto its device and plans its batches by the memory beside it."""

from contextlib import ExitStack

import torch

from embeddings.domain import EmbedderSpec
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.device import (
    limit_memory,
    memory_budget_gb,
    ran_out_of_memory,
    release_memory,
    require_precision,
)
from embeddings.errors import WorkerUnfit

CPU_WINDOWS = 4
CPU_MEGABYTES = 1000.0
"""A larger batch makes a CPU no faster, so it takes little memory."""


def place(spec: EmbedderSpec, model: torch.nn.Module, runtime: Runtime) -> int:
    """Move a model, in place, ready to compute; where that fails, nothing of it is held any more.

    Returns:
        How many windows a batch may have.

    Raises:
        WorkerUnfit: the device cannot compute in the precision, or cannot hold the weights.

    """
    if runtime.precision not in spec.precisions:
        raise WorkerUnfit(f"{spec.key} cannot be computed in {runtime.precision}; set PRECISION=auto.")
    require_precision(runtime.precision, runtime.device)
    with ExitStack() as undo:
        undo.callback(displace, model, runtime.device)
        batch = planned_batch(spec, room_for_batches(spec, model, runtime))
        _move(spec, model.eval().requires_grad_(requires_grad=False), runtime.device)
        undo.pop_all()
    return batch


def displace(model: torch.nn.Module, device: str) -> None:
    """Give a model's memory back, and the limit on it."""
    # Emptied in place: whoever still holds a part of the model holds no memory by it.
    model.to("meta")
    release_memory(device)
    limit_memory(device, 0.0)


def _move(spec: EmbedderSpec, model: torch.nn.Module, device: str) -> None:
    try:
        model.to(device)
    except RuntimeError as error:
        if not ran_out_of_memory(error):
            raise
        raise WorkerUnfit(
            f"The weights of {spec.key} do not fit into the memory of {device} beside what it holds."
        ) from None


def room_for_batches(spec: EmbedderSpec, model: torch.nn.Module, runtime: Runtime) -> float:
    """Megabytes beside the weights; from here on torch takes no more of a GPU than it may.

    Raises:
        WorkerUnfit: the weights alone take more.

    """
    if torch.device(runtime.device).type == "cpu":
        return min(CPU_MEGABYTES, CPU_WINDOWS * spec.window_megabytes)
    limit_memory(runtime.device, runtime.memory_gb)
    budget = memory_budget_gb(runtime.device, runtime.memory_gb)
    return beside_weights(spec, model, budget)


def beside_weights(spec: EmbedderSpec, model: torch.nn.Module, budget_gb: float) -> float:
    """Megabytes of a budget that the weights leave.

    Raises:
        WorkerUnfit: they leave none.

    """
    weights = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers())) / 1e9
    if weights >= budget_gb:
        raise WorkerUnfit(
            f"The weights of {spec.key} take {weights:.1f} GB, and only {budget_gb:.1f} GB may be taken; "
            "raise MAX_GPU_MEMORY_GB, free the GPU, or set DEVICE=cpu."
        )
    return 1000.0 * (budget_gb - weights)


def planned_batch(spec: EmbedderSpec, megabytes: float) -> int:
    """How many windows fit into memory: at least one, at most what the spec says."""
    if not spec.window_megabytes:
        return spec.batch_windows
    return max(1, min(spec.batch_windows, int(megabytes / spec.window_megabytes)))
