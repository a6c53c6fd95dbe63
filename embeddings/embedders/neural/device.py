"""Devices: which one to compute on, what it can do, and how much memory a model may take of it."""

import torch

from embeddings.domain import EmbedderSpec, Precision
from embeddings.errors import Refused, WorkerUnfit

AMPERE = (8, 0)
"""Compute capability of the first GPUs with bfloat16 and TF32."""
USABLE = 0.9
"""Share of a GPU's memory that weights and batches are planned into; the rest is for pooling and fragments."""
GIGABYTE = 1e9

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""How torch and the libraries under it say so where they raise a plain RuntimeError."""

DEVICE_FAILED = ("CUDA error", "CUDA driver error", "CUBLAS_", "cuDNN error")
"""How they say that a device, or its driver, gave out."""


def resolve_device(wanted: str) -> str:
    """Name the device as torch does: `cpu`, `cuda:0`.

    Args:
        wanted: `auto` takes a GPU where there is one; `cpu`, `cuda`, `cuda:1` are taken at their word.

    Raises:
        Refused: there is no such device; the CPU never stands in for a GPU that was asked for.

    """
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not present):
        return "cpu"
    kind, _, number = ("cuda" if wanted == "auto" else wanted).partition(":")
    if kind != "cuda" or not (number.isdecimal() or wanted in {"auto", "cuda"}):
        raise Refused(
            f"There is no device {wanted!r}; set DEVICE to auto, cpu, cuda or cuda:0.", code="device_unavailable"
        )
    if int(number or 0) >= present:
        raise Refused(
            f"DEVICE asks for {wanted}, and torch {torch.__version__} sees {present or 'no'} CUDA "
            f"device{'' if present == 1 else 's'}; check the driver and that torch was built for CUDA, "
            "or set DEVICE=cpu.",
            code="device_unavailable",
        )
    return f"cuda:{int(number or 0)}"


def can_compute(precision: Precision, device: str) -> bool:
    """Tell whether a device computes in this precision; a CPU does bfloat16, slowly on most, and no TF32."""
    if precision == "float32":
        return True
    if torch.device(device).type == "cpu":
        return precision == "bfloat16"
    return torch.cuda.get_device_capability(device) >= AMPERE


def best_precision(spec: EmbedderSpec, device: str) -> Precision:
    """Choose for a device: the model's first that it can do; float32 on a CPU, where little is gained by less."""
    if torch.device(device).type == "cpu":
        return "float32"
    return next((precision for precision in spec.precisions if can_compute(precision, device)), "float32")


def require_precision(precision: Precision, device: str) -> None:
    """Make sure that a device computes in this precision.

    Raises:
        WorkerUnfit: it cannot.

    """
    if not can_compute(precision, device):
        raise WorkerUnfit(f"{title(device)} cannot compute in {precision}; set PRECISION=auto or PRECISION=float32.")


def refuse_fallback(wanted: str, device: str, precision: Precision) -> None:
    """Make sure that `auto` did not end at the CPU with what is computed in a GPU's precision.

    Args:
        wanted: the setting DEVICE.
        device: what it resolved to.
        precision: what the vectors were begun in.

    Raises:
        WorkerUnfit: it did; a GPU whose driver broke would else be continued on the CPU, at a crawl, unnoticed.

    """
    if wanted != "auto" or torch.device(device).type != "cpu" or precision == "float32":
        return
    remedy = "set DEVICE=cpu to go on slowly" if can_compute(precision, device) else "set PRECISION=float32"
    raise WorkerUnfit(
        f"The vectors are computed in {precision}, which is for a GPU, and this worker sees none; "
        f"mend its driver, or {remedy}."
    )


def title(device: str) -> str:
    """Say which device it is, for people: `cuda:0 (NVIDIA H200)`."""
    if torch.device(device).type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return f"{device} ({torch.cuda.get_device_name(device)})"


def memory_budget_gb(device: str, wanted: float) -> float:
    """What weights and batches may take of a GPU, in gigabytes: what was asked for, or what is free now.

    Returns:
        0 on a CPU, whose memory is not ours to share out.

    """
    if torch.device(device).type == "cpu":
        return 0.0
    free, total = torch.cuda.mem_get_info(device)
    ours = torch.cuda.memory_reserved(device)
    return USABLE * min(wanted * GIGABYTE or total, free + ours) / GIGABYTE


def limit_memory(device: str, gigabytes: float) -> None:
    """Hold this program's tensors on a GPU under a limit, beyond which torch says out of memory; 0 lifts it.

    The driver's own context, about half a gigabyte, comes on top.
    """
    if torch.device(device).type == "cpu":
        return
    _, total = torch.cuda.mem_get_info(device)
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * GIGABYTE / total) or 1.0, device)


def release_memory(device: str) -> None:
    """Give memory that no tensor uses back to the device."""
    if torch.device(device).type != "cpu":
        torch.cuda.empty_cache()


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell an allocation that failed from every other error."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


def device_failed(error: BaseException) -> bool:
    """Tell a device or a driver that gave out from what a model is to blame for."""
    if isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in DEVICE_FAILED)
