"""Writes a MERT checkpoint: a HuBERT under the names and in the weight format of the published one."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tests.checkpoints.weights import randomise

_FULL: dict[str, Any] = {
    "_name_or_path": "m-a-p/MERT-v1-330M",
    "activation_dropout": 0.0,
    "apply_spec_augment": True,
    "architectures": ["MERTModel"],
    "attention_dropout": 0.1,
    "attention_relax": 32.0,
    "auto_map": {"AutoConfig": "configuration_MERT.MERTConfig", "AutoModel": "modeling_MERT.MERTModel"},
    "bos_token_id": 1,
    "classifier_proj_size": 256,
    "conv_bias": False,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "ctc_loss_reduction": "sum",
    "ctc_zero_infinity": False,
    "deepnorm": False,
    "do_stable_layer_norm": True,
    "eos_token_id": 2,
    "feat_extract_activation": "gelu",
    "feat_extract_dropout": 0.0,
    "feat_extract_norm": "group",
    "feat_proj_dropout": 0.1,
    "feat_proj_layer_norm": True,
    "feature_extractor_cqt": False,
    "feature_extractor_cqt_bins": 336,
    "final_dropout": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "hidden_dropout_prob": 0.1,
    "hidden_size": 1024,
    "initializer_range": 0.02,
    "intermediate_size": 4096,
    "layer_norm_eps": 1e-05,
    "layerdrop": 0.1,
    "mask_feature_length": 10,
    "mask_feature_min_masks": 0,
    "mask_feature_prob": 0.0,
    "mask_time_length": 10,
    "mask_time_min_masks": 2,
    "mask_time_prob": 0.05,
    "model_type": "mert_model",
    "num_attention_heads": 16,
    "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128,
    "num_feat_extract_layers": 7,
    "num_hidden_layers": 24,
    "pad_token_id": 0,
    "sample_rate": 24000,
    "tokenizer_class": "Wav2Vec2CTCTokenizer",
    "torch_dtype": "float32",
    "transformers_version": "4.27.1",
    "use_weighted_layer_sum": False,
    "vocab_size": 32,
}
_SMALL = _FULL | {
    "conv_dim": [8] * 7,
    # Eleven frames a second in place of seventy-five: attention over 30 s then costs next to nothing.
    "conv_stride": [10, 3, 3, 3, 2, 2, 2],
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 2,
}
_PREPROCESSOR = {
    "do_normalize": True,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0,
    "return_attention_mask": True,
    "sampling_rate": 24000,
}
_NOT_HUBERTS = ("_name_or_path", "architectures", "auto_map", "model_type", "torch_dtype", "transformers_version")


def write_mert(folder: Path, *, full: bool) -> None:
    """Write a checkpoint in the layout of the spec `mert`; 24 layers in both sizes."""
    transformers, config = import_module("transformers"), _FULL if full else _SMALL
    of_hubert = {key: value for key, value in config.items() if key not in _NOT_HUBERTS}
    model = transformers.HubertModel(transformers.HubertConfig(**of_hubert))
    randomise(model.eval(), seed=2)
    torch.save({_old_name(name): value for name, value in model.state_dict().items()}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR, indent=2))


def _old_name(name: str) -> str:
    # The published file is older than torch's parametrizations.
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v")
