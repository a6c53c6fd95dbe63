"""Reads a trained text checkpoint: what was trained, the text model's weights, the low-rank changes to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy._core.multiarray import scalar
from torch import Tensor

from embeddings.domain import EmbedderSpec
from embeddings.embedders.neural.weights import read_pickled, tensors_of
from embeddings.errors import CheckpointRefused

ALPHA = 32
"""What the trainer divided by the rank to scale low-rank changes with, where a checkpoint does not say it."""

# The trainer's figures are numpy's scalars, which a pickle rebuilds from their bytes, under an older name as well.
NUMBERS = (
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "bool")),
    *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
)
"""Harmless types that a checkpoint holds beside tensors."""

WRAPPED = ("base_model.model.", "model.")
"""What peft, and a model with a head, put before the names of the text model's weights, in this order."""
HEAD = "lm_head.weight"
"""Predicts words, and is no part of reading them."""
LOW_RANK = re.compile(r"(?P<module>.+)\.lora_(?P<factor>[AB])(?:\.(?P<adapter>[^.]+))?\.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A low-rank change of one weight: scale * up @ down is added to it."""

    module: str
    down: Tensor
    """[rank, inputs], peft's lora_A."""
    up: Tensor
    """[outputs, rank], peft's lora_B."""
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The contents of a checkpoint, its tensors mapped from the file."""

    path: Path
    text_model: str
    """Name of the text model, without its owner's."""
    text_dim: int
    hidden_dim: int
    audio_dim: int
    weights: Mapping[str, Tensor]
    """Of the text model by its own names; empty where only changes were kept, or it was not trained."""
    changes: tuple[Change, ...]
    projection: Mapping[str, Tensor]
    """By place in the projection: `0.weight`."""


def read_trained(path: Path, spec: EmbedderSpec) -> Trained:
    """Read a checkpoint of the trainer's, running nothing.

    Raises:
        CheckpointRefused: it is missing, damaged, of another kind, for another model, or holds code.

    """
    found = read_pickled(path, allowed=NUMBERS)
    config = _config(found, path)
    audio_dim, wanted = _size(config, "audio_dim", path), (spec.dimension, spec.outside_dimension or spec.dimension)
    if config.get("audio_encoder", spec.key) != spec.key or audio_dim not in wanted:
        lengths = " or ".join(str(length) for length in dict.fromkeys(wanted))
        raise CheckpointRefused(
            f"{path} was trained for vectors of {config.get('audio_encoder', 'some model')!r} with {audio_dim} "
            f"numbers, and those of {spec.key} have {lengths}."
        )
    encoder = found.get("text_encoder_state_dict")
    weights, changes = _sorted(tensors_of(encoder, path) if encoder else {}, config, path)
    return Trained(
        path=path,
        text_model=_text_model(config, path),
        text_dim=_size(config, "text_dim", path),
        hidden_dim=_size(config, "hidden_dim", path),
        audio_dim=audio_dim,
        weights=weights,
        changes=changes,
        projection=_projection(tensors_of(found.get("projection_state_dict"), path), path),
    )


def own_names(weights: Mapping[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Give weights under the text model's own names, whatever was around it when they were saved.

    Raises:
        CheckpointRefused: two of them would have one name.

    """
    named: dict[str, Tensor] = {}
    for key, tensor in weights.items():
        name = key
        for prefix in WRAPPED:
            name = name.removeprefix(prefix)
        name = name.replace(".base_layer.", ".")
        if name == HEAD:
            continue
        if name in named:
            raise CheckpointRefused(f"{source} holds {name} twice, once as {key}. Is it another model's checkpoint?")
        named[name] = tensor
    return named


def _config(found: Mapping[Any, Any], path: Path) -> Mapping[str, Any]:
    if {"state_dict", "model_class"} <= found.keys():
        raise CheckpointRefused(
            f"{path} is of the later trainer ({found['model_class']!r}), whose model adds random numbers to what it "
            "reads; only checkpoints with a Qwen3 text encoder can be used."
        )
    config = found.get("config")
    if not isinstance(config, dict):
        raise CheckpointRefused(f"{path} has no 'config'; is it a text checkpoint, {path.name}, of the trainer's?")
    return config


def _size(config: Mapping[str, Any], name: str, path: Path) -> int:
    size = config.get(name)
    if type(size) is not int or size < 1:
        raise CheckpointRefused(f"{path} has {name}={size!r} in its 'config', and that has to be a number of numbers.")
    return size


def _text_model(config: Mapping[str, Any], path: Path) -> str:
    """The last part of `Qwen/Qwen3-Embedding-4B`; names a folder, so it must not lead anywhere else."""
    given = config.get("text_model_name")
    name = given.rstrip("/").rpartition("/")[2] if isinstance(given, str) else ""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise CheckpointRefused(f"{path} has text_model_name={given!r} in its 'config', which names no text model.")
    return name


def _sorted(
    weights: Mapping[str, Tensor], config: Mapping[str, Any], path: Path
) -> tuple[dict[str, Tensor], tuple[Change, ...]]:
    """Tell weights from the low-rank changes to them."""
    whole, factors = {}, {}
    for name, tensor in own_names(weights, path).items():
        if match := LOW_RANK.fullmatch(name):
            factors[match["module"], match["adapter"] or "default", match["factor"]] = tensor
        else:
            whole[name] = tensor
    adapters = {adapter for _, adapter, _ in factors}
    if len(adapters) > 1:
        raise CheckpointRefused(f"{path} holds several adapters, {', '.join(sorted(adapters))}; one can be used.")
    modules = dict.fromkeys((module, adapter) for module, adapter, _ in factors)
    if config.get("use_rslora") or config.get("use_dora"):
        raise CheckpointRefused(
            f"{path} was trained with a kind of LoRA (use_rslora, use_dora) that is not known here."
        )
    return whole, tuple(_change(module, adapter, factors, config, path) for module, adapter in modules)


def _change(
    module: str, adapter: str, factors: Mapping[tuple[str, str, str], Tensor], config: Mapping[str, Any], path: Path
) -> Change:
    down, up = factors.get((module, adapter, "A")), factors.get((module, adapter, "B"))
    if down is None or up is None:
        lacking = "lora_A" if down is None else "lora_B"
        raise CheckpointRefused(f"{path} does not fit: missing: {module}.{lacking}. Is it cut off?")
    rank, alpha = config.get("lora_rank", len(down)), config.get("lora_alpha", ALPHA)
    if down.ndim != 2 or up.ndim != 2 or not len(down) == up.shape[1] == rank:
        raise CheckpointRefused(
            f"{path} does not fit: {module}.lora_A is {tuple(down.shape)} and lora_B {tuple(up.shape)} with "
            f"lora_rank={rank!r}."
        )
    if not isinstance(alpha, int | float) or not 0 < alpha < float("inf"):
        raise CheckpointRefused(f"{path} has lora_alpha={alpha!r} in its 'config', which is no scale.")
    if not all(bool(factor.isfinite().all()) for factor in (down, up)):
        raise CheckpointRefused(f"{path} holds numbers that are not finite: {module}.lora_A or lora_B.")
    return Change(module=module, down=down, up=up, scale=alpha / cast("int", rank))


def _projection(weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """By place, without the name that the whole had in the trainer's module: `text_proj.0.weight` is `0.weight`."""
    placed = {}
    for key, tensor in weights.items():
        match = re.fullmatch(r"(?:[A-Za-z_]\w*\.)?(\d+\.\w+)", key)
        if match is None or match[1] in placed:
            raise CheckpointRefused(f"{path} does not fit: unknown in its projection: {key}.")
        placed[match[1]] = tensor
    return placed
