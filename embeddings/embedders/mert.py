"""MERT: every one of its hidden states averaged over each window, enriched over the track, projected for the store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import HubertConfig, HubertModel

from embeddings.domain import EmbedderSpec, Embedding, Span, Window
from embeddings.embedders import get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.embedder import TorchEmbedder
from embeddings.embedders.neural.enrich import enrich, to_vector
from embeddings.embedders.neural.trial import blaming
from embeddings.embedders.neural.weights import find_weights, load_strictly, read_config, read_weights
from embeddings.embedders.projection import tables
from embeddings.errors import CheckpointRefused

WEIGHTS = ("pytorch_model.bin",)

SHAPING = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
    "feat_extract_norm", "feat_extract_activation", "feat_proj_layer_norm", "conv_dim", "conv_stride", "conv_kernel",
    "conv_bias", "num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "do_stable_layer_norm",
    "mask_time_prob", "mask_feature_prob",
)  # fmt: skip
"""What of its configuration shapes the network; the rest is about training, or names code to run."""

VARIANTS = {"feature_extractor_cqt": False, "deepnorm": False, "do_stable_layer_norm": True}
"""Where a MERT with another value is no HuBERT, or has its states in other places."""

RENAMED = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}
"""The published weights are older than torch's parametrizations."""

LEAST_VARIANCE = 1e-7
"""Added to a window's variance when it is normalised, as `Wav2Vec2FeatureExtractor` does."""


class MertEmbedder(TorchEmbedder):
    """Stock HuBERT with MERT's weights; no code of the checkpoint is run.

    A window becomes the time means of all hidden states, layer by layer: 25 * 1024 numbers of the
    published model. A track becomes [mean, spread, trend] of those: 76,800 numbers, projected to what
    the store holds. A checkpoint of another width has another number of them, and the same dimension
    in the store: the projection takes any length.
    """

    def __init__(self, runtime: Runtime) -> None:
        spec, folder = get_spec("mert"), _folder(runtime)
        self._normalise = _read_normalise(folder, spec)
        model = _load_model(folder)
        super().__init__(spec, model, runtime)
        table = tables(3 * (len(model.encoder.layers) + 1) * model.config.hidden_size, spec.dimension)
        self._inputs = torch.tensor(table.inputs, device=self.device)
        self._signs = torch.tensor(table.signs, device=self.device)

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        """[25 * width] per window of [B, n] samples."""
        if self._normalise:
            variance, mean = torch.var_mean(samples, dim=1, correction=0, keepdim=True)
            samples = (samples - mean) / torch.sqrt(variance + LEAST_VARIANCE)
        # All states of a window of 30 s take 230 MB; the convolutions before them took three times that and are over.
        states = self.model(samples, output_hidden_states=True).hidden_states
        return torch.cat([state.mean(dim=1, dtype=torch.float32) for state in states], dim=1).unbind()

    def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
        """Enrich and project; the numbers of `projection.project`, on the device."""
        whole = enrich(torch.stack(tuple(features), dim=1))
        projected = (whole[self._inputs] * self._signs).sum(dim=0)
        return Embedding(vector=to_vector(torch.nn.functional.normalize(projected, dim=0)))


def _folder(runtime: Runtime) -> Path:
    if runtime.checkpoint is None:
        raise CheckpointRefused("mert needs its checkpoint; set MERT_CHECKPOINT to a folder that holds it.")
    return runtime.checkpoint.folders[""]


def _read_normalise(folder: Path, spec: EmbedderSpec) -> bool:
    """Whether windows are brought to zero mean and unit variance first."""
    said = read_config(folder, "preprocessor_config.json")
    rate = said.get("sampling_rate", spec.sample_rate)
    if type(rate) is not int or rate != spec.sample_rate:
        raise CheckpointRefused(
            f"{folder} is a model for {rate!r} Hz, and MERT-v1-330M hears {spec.sample_rate} Hz; take its checkpoint."
        )
    normalise = said.get("do_normalize", True)
    if not isinstance(normalise, bool):
        raise CheckpointRefused(
            f"{folder / 'preprocessor_config.json'} has do_normalize={normalise!r}, which is neither true nor false."
        )
    return normalise


def _load_model(folder: Path) -> HubertModel:
    model = _build(folder)
    weights = {_new_name(name): tensor for name, tensor in read_weights(folder, WEIGHTS).items()}
    load_strictly(model, weights, source=find_weights(folder, WEIGHTS))
    return model


def _build(folder: Path) -> HubertModel:
    """The network that the configuration describes, without weights."""
    config = read_config(folder)
    _require_mert(folder, config)
    shape = {name: config[name] for name in SHAPING if name in config} | {"apply_spec_augment": False}
    with blaming(folder / "config.json", "describes no network that can be built"), torch.device("meta"):
        return HubertModel(HubertConfig.from_dict(shape, attn_implementation="sdpa"))


def _require_mert(folder: Path, config: dict[str, Any]) -> None:
    path = folder / "config.json"
    if config.get("model_type") != "mert_model":
        found = config.get("model_type")
        is_of = f"is of a {found!r}" if found else "does not say of what model it is"
        raise CheckpointRefused(f"{path} {is_of}, and has to be of a 'mert_model'; take MERT-v1-330M's files.")
    for name, wanted in VARIANTS.items():
        if bool(config.get(name, False)) is not wanted:
            raise CheckpointRefused(f"{path} has {name}={config.get(name)}, another kind of MERT; take MERT-v1-330M.")


def _new_name(name: str) -> str:
    for old, new in RENAMED.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
