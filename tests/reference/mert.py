"""MERT as the predecessor called it: windows of 30 s every 5 s, one by one, all 25 hidden states."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tests.reference import Array, Model, Told
from tests.reference.folding import enrich, window_starts

RATE, WINDOW, HOP = 24_000, 30, 5


def load(folder: Path) -> Model:
    """Load the reference."""
    model, processor = load_model(folder)
    return lambda samples: _embed(model, processor, samples)


def load_model(folder: Path) -> tuple[Any, Any]:
    """Load it as the HuBERT that it is, and its processor; its own code computes the same and is not run."""
    transformers: Any = import_module("transformers")
    config = json.loads((folder / "config.json").read_text())
    for name in ("auto_map", "architectures", "model_type"):
        del config[name]
    model, report = transformers.HubertModel.from_pretrained(
        str(folder), config=transformers.HubertConfig(**config), output_loading_info=True, local_files_only=True
    )
    wrong = {kind: names for kind, names in report.items() if names}
    if wrong:
        raise ValueError(f"the weights do not fit: {wrong}")
    processor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(str(folder), local_files_only=True)
    return model.eval(), processor


@torch.inference_mode()
def _embed(model: Any, processor: Any, track: Array) -> Told:
    starts = window_starts(len(track), WINDOW * RATE, HOP * RATE)
    rows = [hear_window(model, processor, track[start : start + WINDOW * RATE]) for start in starts]
    return Told(vector=enrich(torch.stack(rows).T).numpy())


def hear_window(model: Any, processor: Any, samples: Array) -> torch.Tensor:
    """[25 * width] of one window."""
    inputs = processor(samples, sampling_rate=RATE, return_tensors="pt")
    inputs = {name: value.to(model.device, torch.float32) for name, value in inputs.items()}
    states = model(**inputs, output_hidden_states=True).hidden_states
    return torch.stack(states).squeeze().mean(dim=1).reshape(-1)
