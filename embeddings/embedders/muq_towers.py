"""The two towers of MuQ-MuLan, each by itself, under the names that the package gives their weights."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import XLMRobertaConfig, XLMRobertaModel

from embeddings.embedders.muq_package import (
    AudioSpectrogramTransformerPretrained,
    MuQ,
    MuQConfig,
    TextTransformerPretrained,
)

Config = Mapping[str, Any]
"""A config.json, as it was read."""

XLM_ROBERTA_SHAPING = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id",
)  # fmt: skip
"""What of XLM-R's configuration shapes the network; the rest is about training, or names code to fetch and run."""

CONFORMER_SHAPING = (
    "num_attention_heads", "intermediate_size", "hidden_act", "feat_extract_activation", "layer_norm_eps",
    "position_embeddings_type", "rotary_embedding_base", "max_source_positions", "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups", "conv_depthwise_kernel_size",
    # Of training, but its layers ask for them.
    "activation_dropout", "attention_dropout", "conformer_conv_dropout", "hidden_dropout", "layerdrop",
)  # fmt: skip
"""What of the `w2v2_config` in MuQ's configuration its conformer reads."""


class AudioTower(nn.Module):
    """MuQ and its projection into the joint space: the audio half of the package's `MuLanModel`."""

    def __init__(self, joint: Config, muq: Config) -> None:
        """Build it with whatever weights its parts begin with.

        Args:
            joint: config.json of MuQ-MuLan.
            muq: config.json of MuQ.

        """
        super().__init__()
        self.audio = _AudioTransformer(_build_muq(muq), joint)
        self.audio_to_latents = nn.Linear(self.audio.dim, joint["mulan"]["dim_latent"])

    def forward(self, clips: Tensor) -> Tensor:
        """[B, n] float32 at 24 kHz -> [B, dim_latent] float32 of unit length; `MuLanModel.get_audio_latents`.

        Both ends are computed in float32 even under autocast: a spectrogram's powers span more than
        bfloat16 tells apart, and the projections cost next to nothing.
        """
        encoder = self.audio.model.model
        with torch.autocast(clips.device.type, enabled=False):
            mel = encoder.normalize(encoder.preprocessing(clips, features=["melspec_2048"]))["melspec_2048"]
        # In float32, because the conformer keeps its table of positions in the type of what it sees first.
        frames = encoder.conv(mel).float()
        # Not by way of encoder.encoder(), which goes on to logits over a codebook that only training reads.
        states = encoder.conformer(frames, output_hidden_states=True).hidden_states
        with torch.autocast(clips.device.type, enabled=False):
            heard = self.audio.transformer(self.audio.proj(states[self.audio.use_layer_idx].float()))
            return normalize(self.audio_to_latents(heard.mean(dim=-2)), dim=-1)


class TextTower(nn.Module):
    """XLM-R, the layers on top of it and their projection: the text half of the package's `MuLanModel`."""

    def __init__(self, joint: Config, xlm_roberta: Config) -> None:
        """Build it with whatever weights its parts begin with.

        Args:
            joint: config.json of MuQ-MuLan.
            xlm_roberta: config.json of XLM-R.

        """
        super().__init__()
        shape = _only(XLM_ROBERTA_SHAPING, xlm_roberta)
        config = XLMRobertaConfig(**shape, attn_implementation="sdpa")  # type: ignore[no-untyped-call]
        self.text = _TextTransformer(XLMRobertaModel(config), joint)  # type: ignore[no-untyped-call]
        self.text_to_latents = nn.Linear(self.text.dim, joint["mulan"]["dim_latent"])
        self.vocabulary = int(config.vocab_size)
        # XLM-R counts positions from behind the padding: 514 of them are 512 tokens.
        table = self.text.model.embeddings
        self.max_tokens = int(table.position_embeddings.num_embeddings - table.padding_idx - 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """[1, n] token ids -> [1, dim_latent] float32 of unit length; `MuLanModel.get_text_latents` of one text."""
        words = self.text.model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
        read = self.text.transformer(self.text.proj(words))
        return normalize(self.text_to_latents(read.mean(dim=-2)), dim=-1)


class _AudioTransformer(AudioSpectrogramTransformerPretrained):  # type: ignore[misc]  # the package has no types
    """The package's own, around an encoder that it is given and does not fetch."""

    def __init__(self, encoder: Any, joint: Config) -> None:
        model = joint["audio_model"]
        super().__init__(
            model_name=model["name"],
            model_dim=model["model_dim"],
            use_layer_idx=model["use_layer_idx"],
            frozen_pretrained=False,
            **joint["audio_transformer"],
        )
        self.model = encoder

    def _init_pretrained_model(self, _name: str) -> None:
        """Fetch nothing."""


class _TextTransformer(TextTransformerPretrained):  # type: ignore[misc]  # the package has no types
    """The package's own, around an encoder that it is given and does not fetch."""

    def __init__(self, encoder: Any, joint: Config) -> None:
        model = joint["text_model"]
        super().__init__(
            model_name=model["name"],
            model_dim=model["model_dim"],
            frozen_pretrained=False,
            **joint["text_transformer"],
        )
        self.model = encoder

    def _init_pretrained_model(self) -> None:
        """Fetch nothing."""


def _build_muq(config: Config) -> nn.Module:
    # As the package does, only what it knows. The path leads to the authors' disk, and would be read.
    known = _only([field.name for field in fields(MuQConfig)], config)
    conformer = _only(CONFORMER_SHAPING, config["w2v2_config"])
    built: nn.Module = MuQ(MuQConfig(**known | {"rvq_ckpt_path": None, "w2v2_config": conformer}))
    return built


def _only(names: Iterable[str], config: Config) -> dict[str, Any]:
    return {name: config[name] for name in names if name in config}
