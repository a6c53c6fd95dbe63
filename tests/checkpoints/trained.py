"""Writes trained text checkpoints as the trainer saves them: a small Qwen3, a projection, figures of the training."""

import json
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.checkpoints.weights import randomise

TEXT_MODEL = "Qwen3-Embedding-4B"
ALPHA, RANK = 32, 4
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

_WORDS = """a and at for in night of on over piano slow sad calm happy loud rock pop jazz folk metal guitar violin bass
drums rain energetic upbeat relaxing no vocals upbeat music"""

CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "head_dim": 8,
    "hidden_act": "silu",
    "hidden_size": 24,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 1024,
    "max_window_layers": 2,
    "model_type": "qwen3",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainee:
    """What a trainer holds: the text model, low-rank changes to it by the module they belong to, the projection."""

    model: str
    encoder: Any
    projection: nn.Sequential
    changes: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    config: dict[str, Any]

    def encoder_state(self) -> dict[str, Tensor]:
        """The text model's state, with peft's names where it is changed."""
        state = self.encoder.state_dict()
        if not self.changes:
            return dict(state)
        named = {f"base_model.model.{self._name(key)}": value for key, value in state.items()}
        for module, (down, up) in self.changes.items():
            named[f"base_model.model.{module}.lora_A.default.weight"] = down
            named[f"base_model.model.{module}.lora_B.default.weight"] = up
        return named

    def _name(self, key: str) -> str:
        module = key.removesuffix(".weight")
        return f"{module}.base_layer.weight" if module in self.changes else key

    def contents(self) -> dict[str, Any]:
        """What the trainer saves."""
        return {
            "epoch": 3,
            "global_step": 120,
            "projection_state_dict": {f"text_proj.{key}": value for key, value in self.projection.state_dict().items()},
            "text_encoder_state_dict": self.encoder_state(),
            "optimizer_state_dict": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 5e-5}]},
            "scheduler_state_dict": {"T_max": 10, "_last_lr": [5e-5]},
            "scaler_state_dict": {"scale": 65536.0},
            "config": self.config,
            "metrics": {"t2a_R@1": np.float64(12.5), "t2a_median_rank": np.median([1, 2]), "loss": 1.5},
            "best_val_r1": np.float64(12.5),
            "best_val_loss": float("inf"),
        }


def trainee(model: str, audio_dim: int, *, lora: bool = False, precision: torch.dtype = torch.float32) -> Trainee:
    """Make one with weights of no meaning."""
    transformers = import_module("transformers")
    shape = {key: value for key, value in CONFIG.items() if key not in {"architectures", "torch_dtype"}}
    encoder = transformers.Qwen3Model(transformers.Qwen3Config(**shape))
    inverse = encoder.rotary_emb.inv_freq.clone()
    randomise(encoder.eval(), seed=5)
    # Rotations are no weights: they are computed in float32, whatever the weights are in.
    encoder.to(precision).rotary_emb.inv_freq = inverse
    width, hidden = CONFIG["hidden_size"], 8
    projection = nn.Sequential(
        nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.GELU(), nn.Dropout(0.1),
        nn.Linear(hidden, audio_dim), nn.BatchNorm1d(audio_dim),
    )  # fmt: skip
    randomise(projection.eval(), seed=6)
    config = {
        "audio_encoder": model,
        "text_model_name": f"Qwen/{TEXT_MODEL}",
        "text_dim": width,
        "hidden_dim": hidden,
        "audio_dim": audio_dim,
        "use_lora": lora,
        "lora_rank": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.1,
        "amp_dtype": "bfloat16",
        "temperature": 0.07,
    }
    made = Trainee(model=model, encoder=encoder, projection=projection, config=config)
    return replace(made, changes=_changes(encoder)) if lora else made


def write_trained(folder: Path, trained: Trainee) -> None:
    """Write the checkpoint, and beside it the folder of its text model: configuration and tokenizer."""
    write_text_model(folder / TEXT_MODEL)
    torch.save(trained.contents(), folder / f"{trained.model}_best_r1.pt")


def write_text_model(folder: Path) -> None:
    """Write config.json and tokenizer.json; a text ends with a special token, as in Qwen3-Embedding's."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2))
    tokenizers = import_module("tokenizers")
    pieces = ["<|endoftext|>", "<unk>", *dict.fromkeys(_WORDS.split())]
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def _changes(encoder: Any) -> dict[str, tuple[Tensor, Tensor]]:
    chance = torch.Generator().manual_seed(7)
    return {
        name: (
            torch.randn(RANK, module.in_features, generator=chance) / module.in_features**0.5,
            torch.randn(module.out_features, RANK, generator=chance) / RANK,
        )
        for name, module in encoder.named_modules()
        if name.endswith(TARGETS)
    }
