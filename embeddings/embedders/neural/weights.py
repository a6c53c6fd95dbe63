"""Checkpoints: configuration and weights read without running anything, and put into a model whole or not at all."""

import json
import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from embeddings.errors import CheckpointRefused

ZIP_MAGIC = b"PK\x03\x04"
AGAIN = "download the checkpoint again"
FEW = 3

UNREADABLE = (
    SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, struct.error,
)  # fmt: skip
"""What torch and safetensors raise on damaged files, found by damaging thousands."""


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Read a JSON object of a checkpoint.

    Raises:
        CheckpointRefused: the file is missing, damaged, or no JSON object.

    """
    path = folder / name
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointRefused(f"{path} cannot be read ({error.strerror}); {AGAIN}.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointRefused(f"{path} is damaged: it is no JSON; {AGAIN}.") from error
    if not isinstance(found, dict):
        raise CheckpointRefused(f"{path} is no JSON object, so it is no model's configuration; {AGAIN}.")
    return found


def find_weights(folder: Path, names: Sequence[str]) -> Path:
    """Choose the weights of a checkpoint: `model.safetensors` where there is one, else the first of `names`.

    Raises:
        CheckpointRefused: there is none of them.

    """
    wanted = dict.fromkeys(("model.safetensors", *names))
    for name in wanted:
        if (folder / name).is_file():
            return folder / name
    raise CheckpointRefused(f"There are no weights in {folder}: it holds none of {', '.join(wanted)}; {AGAIN}.")


def read_weights(
    folder: Path, names: Sequence[str], *, inside: str = "", allowed: Sequence[Any] = ()
) -> dict[str, torch.Tensor]:
    """Read the weights of a checkpoint, mapped from the file rather than copied, on the CPU.

    Args:
        folder: the checkpoint's.
        names: candidates, as for `find_weights`.
        inside: key of the dictionary that holds the weights, where a pickled file wraps them.
        allowed: harmless types beside tensors that a pickled file may hold.

    Raises:
        CheckpointRefused: they are missing, cut off, damaged, or hold anything but tensors.

    """
    path = find_weights(folder, names)
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    found: Any = read_pickled(path, allowed=allowed)
    if inside:
        found = found.get(inside)
    return tensors_of(found, path)


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of tensors that cannot be anything else.

    Raises:
        CheckpointRefused: it is missing, cut off or damaged.

    """
    with _readable(path):
        return tensors_of(load_file(path), path)


def read_pickled(path: Path, *, allowed: Sequence[Any] = ()) -> dict[Any, Any]:
    """Read what `torch.save` wrote of a dictionary, its tensors mapped from the file; empty when it wrote none.

    Raises:
        CheckpointRefused: it is missing, cut off, damaged, or holds other than plain values, tensors and `allowed`.

    """
    with _readable(path):
        with path.open("rb") as file:
            mappable = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        with torch.serialization.safe_globals(list(allowed)):
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
        return dict(found) if isinstance(found, Mapping) else {}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except pickle.UnpicklingError as error:
        raise CheckpointRefused(
            f"{path} holds more than tensors, or is damaged, and was not opened: a pickle can run any program. "
            f"Take model.safetensors, or {AGAIN}."
        ) from error
    except UNREADABLE as error:
        raise CheckpointRefused(f"{path} is cut off or damaged and cannot be read; {AGAIN}.") from error


def tensors_of(found: Any, path: Path) -> dict[str, torch.Tensor]:
    """Give weights as what they are said to be.

    Raises:
        CheckpointRefused: they are none.

    """
    weights = dict(found) if isinstance(found, Mapping) else {}
    if not weights or not all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise CheckpointRefused(f"{path} holds no weights; is it a model's checkpoint?")
    return weights


def load_strictly(
    model: torch.nn.Module,
    weights: Mapping[str, torch.Tensor],
    *,
    source: Path | str = "The checkpoint",
    ignore_missing_prefixes: Sequence[str] = (),
    ignore_unexpected_prefixes: Sequence[str] = (),
) -> None:
    """Put weights into a model, all of them or none that is missed.

    They are copied, so that nothing of the model hangs on a file; a model on the `meta` device gets copies of its own.

    Raises:
        CheckpointRefused: weights are missing, unknown to the model, of another shape, or not finite.

    """
    own = model.state_dict()
    misshapen = [
        f"{key} is {_shape(tensor)} and not {_shape(own[key])}"
        for key, tensor in weights.items()
        if key in own and tensor.shape != own[key].shape
    ]
    _refuse(source, "of the wrong shape", misshapen)
    empty = any(tensor.is_meta for tensor in own.values())
    try:
        found = model.load_state_dict(_copies(weights, own) if empty else weights, strict=False, assign=empty)
    except RuntimeError as error:
        # Names of older checkpoints are translated in there, and only then compared.
        raise CheckpointRefused(f"{source} does not fit. Is it another model's checkpoint? {error}") from error
    _refuse(
        source, "missing", [key for key in found.missing_keys if not key.startswith(tuple(ignore_missing_prefixes))]
    )
    unknown = [key for key in found.unexpected_keys if not key.startswith(tuple(ignore_unexpected_prefixes))]
    _refuse(source, "unknown", unknown)
    hollow = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    if hollow:
        raise ValueError(f"nothing was loaded into {', '.join(hollow[:FEW])}; build them on the CPU")
    _refuse_unfit(source, model)


def _refuse_unfit(source: Path | str, model: torch.nn.Module) -> None:
    # With one of them every track's vector would be invalid, and the tracks would be blamed.
    unfit = [key for key, tensor in model.state_dict().items() if not _finite(tensor)]
    if unfit:
        raise CheckpointRefused(f"{source} holds numbers that are not finite: {_some(unfit)}; {AGAIN}.")


def _copies(weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: tensor.to(own.get(key, tensor).dtype, copy=True) for key, tensor in weights.items()}


def _refuse(source: Path | str, fault: str, keys: Sequence[str]) -> None:
    if keys:
        raise CheckpointRefused(f"{source} does not fit: {fault}: {_some(keys)}. Is it another model's checkpoint?")


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:FEW]) + (f" and {len(keys) - FEW} more" if len(keys) > FEW else "")


def _finite(tensor: torch.Tensor) -> bool:
    """Both extremes are NaN where anything is: one pass, without a mask of the tensor's size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    return all(bool(extreme.isfinite()) for extreme in torch.aminmax(tensor))


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape)
