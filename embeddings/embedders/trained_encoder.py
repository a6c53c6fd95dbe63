"""Builds a trained text tower: Qwen3 as a folder describes it, with trained weights, and the projection on top."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3Model
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

from embeddings.embedders.neural.trial import blaming
from embeddings.embedders.neural.weights import (
    find_weights,
    load_strictly,
    read_config,
    read_safetensors,
    read_weights,
)
from embeddings.embedders.trained_weights import Change, Trained, own_names
from embeddings.errors import CheckpointRefused, WorkerUnfit

MEMORY = Path("/proc/meminfo")
INDEX = "model.safetensors.index.json"
TABLE = "embed_tokens.weight"

SHAPING = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_theta",
    "rope_scaling", "attention_bias", "use_sliding_window", "sliding_window", "max_window_layers", "layer_types",
)  # fmt: skip
"""What of its configuration shapes the network; the rest is about training and generating, or names code to run."""
UNBUILDABLE = "describes no text model that can be built"


class TrainedTower(nn.Module):
    """Qwen3's last state of the last token, projected into the space of a model's vectors."""

    def __init__(self, encoder: Qwen3Model, projection: nn.Sequential) -> None:
        super().__init__()
        self.encoder, self.projection = encoder, projection

    def forward(self, tokens: Tensor) -> Tensor:
        """[audio_dim] float32 of unit length, of the [n] tokens of one prompt.

        Among others a prompt would be padded, on the left in Qwen3's own tokenizer, and its last
        token would stay the last; alone it is what it is.
        """
        state = self.encoder(tokens[None], use_cache=False).last_hidden_state[:, -1, :]
        # In float32, though the text model may be in bfloat16: the sums are over thousands of numbers.
        return nn.functional.normalize(self.projection(state.float())[0], dim=0)


def read_shape(folder: Path) -> Qwen3Config:
    """Read of which shape the text model is, without building it.

    Raises:
        CheckpointRefused: its config.json is missing, damaged, or another model's.

    """
    path, config = folder / "config.json", read_config(folder)
    if config.get("model_type") != "qwen3":
        raise CheckpointRefused(f"{path} is of a {config.get('model_type')!r}, and has to be of a 'qwen3'.")
    with blaming(path, UNBUILDABLE):
        found = Qwen3Config.from_dict(
            {name: config[name] for name in SHAPING if name in config}, attn_implementation="sdpa"
        )
        for size in (found.vocab_size, found.max_position_embeddings):
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{size!r} is no size")
    return found


def load_tower(trained: Trained, folder: Path, shape: Qwen3Config) -> TrainedTower:
    """Build the tower and fill it, whole or not at all.

    Args:
        trained: what was trained.
        folder: the text model's, with weights where `trained` has none.
        shape: of the text model.

    Raises:
        CheckpointRefused: a file is missing, damaged, or another model's.
        WorkerUnfit: there is no memory for it.

    """
    projection = _projection(trained)
    weights, source = (trained.weights, trained.path) if trained.weights else _base(folder)
    precision = _precision(weights, source)
    require_room(sum(tensor.numel() for tensor in weights.values()) * precision.itemsize, source)
    encoder = _build(folder / "config.json", shape, trained, precision)
    load_strictly(encoder, weights, source=source)
    for change in trained.changes:
        _merge(encoder, change, trained.path)
    return TrainedTower(encoder, projection).eval().requires_grad_(requires_grad=False)


def require_room(needed: int, source: Path) -> None:
    """Refuse what this machine has no memory for, before its kernel ends whoever takes it.

    Args:
        needed: bytes.
        source: the file that asks for them.

    Raises:
        WorkerUnfit: there are fewer.

    """
    if not MEMORY.is_file():
        return
    told = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines() if ":" in line)
    available = int(told["MemAvailable"].split()[0]) * 1024
    if needed > available:
        raise WorkerUnfit(
            f"The text model of {source} needs {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are "
            "available: free some, or run the text worker on a larger machine."
        )


def _projection(trained: Trained) -> nn.Sequential:
    with torch.device("meta"):
        made = nn.Sequential(
            nn.Linear(trained.text_dim, trained.hidden_dim),
            nn.BatchNorm1d(trained.hidden_dim),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(trained.hidden_dim, trained.audio_dim),
            nn.BatchNorm1d(trained.audio_dim),
        )
    load_strictly(made, trained.projection, source=f"The projection in {trained.path}")
    return made


def _precision(weights: Mapping[str, Tensor], source: Path) -> torch.dtype:
    """As they were saved: half the memory where they were trained in bfloat16."""
    table = weights.get(TABLE)
    if table is None:
        raise CheckpointRefused(f"{source} does not fit: missing: {TABLE}. Is it another model's checkpoint?")
    return torch.bfloat16 if table.dtype == torch.bfloat16 else torch.float32


def _build(path: Path, shape: Qwen3Config, trained: Trained, precision: torch.dtype) -> Qwen3Model:
    if shape.hidden_size != trained.text_dim:
        raise CheckpointRefused(
            f"{path} describes a text model with states of {shape.hidden_size!r} numbers, and {trained.path} "
            f"was trained with {trained.text_dim}."
        )
    with blaming(path, UNBUILDABLE):
        with torch.device("meta"):
            model: Qwen3Model = Qwen3Model(shape)
        nn.Module.to(model, precision)
        # Computed from the configuration and not saved; in float32 also beside weights in bfloat16.
        model.rotary_emb = Qwen3RotaryEmbedding(model.config)
    return model


def _base(folder: Path) -> tuple[dict[str, Tensor], Path]:
    """The text model's published weights, and the file to name when they do not fit."""
    if not (folder / INDEX).is_file():
        source = find_weights(folder, ("pytorch_model.bin",))
        return own_names(read_weights(folder, ("pytorch_model.bin",)), source), source
    shards = read_config(folder, INDEX).get("weight_map")
    names = sorted(set(shards.values())) if isinstance(shards, dict) else []
    found: dict[str, Tensor] = {}
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointRefused(f"{folder / INDEX} names {name!r}, which is no file beside it.")
        found |= read_safetensors(folder / name)
    return own_names(found, folder / INDEX), folder / INDEX


def _merge(encoder: Qwen3Model, change: Change, source: Path) -> None:
    """Add scale * up @ down to a weight, in float32 whatever it is kept in."""
    name = f"{change.module}.weight"
    weight = dict(encoder.named_parameters()).get(name)
    if weight is None:
        raise CheckpointRefused(f"{source} does not fit: unknown: {change.module}.lora_A. Is it another model's?")
    with torch.no_grad():
        product = change.up.float() @ change.down.float()
        if product.shape != weight.shape:
            raise CheckpointRefused(
                f"{source} does not fit: {change.module}.lora_B @ lora_A is {tuple(product.shape)} and not "
                f"{tuple(weight.shape)}. Is it another model's?"
            )
        weight.copy_(weight.float() + change.scale * product)
