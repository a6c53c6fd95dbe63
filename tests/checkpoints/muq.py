"""Writes a MuQ-MuLan checkpoint: the joint model's weights, and the configurations of its two towers."""

import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.checkpoints.text import TEXT, TEXT_FULL, write_text_tower
from tests.checkpoints.weights import randomise

_CONFORMER = {
    "activation_dropout": 0.1,
    "attention_dropout": 0.1,
    "conformer_conv_dropout": 0.1,
    "conv_depthwise_kernel_size": 31,
    "feat_extract_activation": "gelu",
    "hidden_act": "swish",
    "hidden_dropout": 0.1,
    "layer_norm_eps": 1e-05,
    "layerdrop": 0.0,
    "max_source_positions": 5000,
    "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128,
    "position_embeddings_type": "rotary",
    "rotary_embedding_base": 10000,
}
_AUDIO_FULL: dict[str, Any] = {
    "label_rate": 25,
    "num_codebooks": 1,
    "codebook_dim": 16,
    "codebook_size": 8192,
    "features": ["melspec_2048"],
    "hop_length": 240,
    "n_mels": 128,
    "conv_dim": 512,
    "encoder_dim": 1024,
    "encoder_depth": 12,
    "mask_hop": 0.4,
    "mask_prob": 0.6,
    "is_flash": False,
    "stat": {"melspec_2048_mean": 6.768444971712967, "melspec_2048_std": 18.417922652295623},
    "w2v2_config": _CONFORMER | {"num_attention_heads": 16, "intermediate_size": 4096},
    "use_rvq_target": True,
    "use_vq_target": False,
    "use_encodec_target": False,
    "rvq_ckpt_path": None,
    "recon_loss_ratio": None,
    "resume_checkpoint": None,
    "rvq_n_codebooks": 8,
    "rvq_multi_layer_num": 1,
}
_AUDIO = _AUDIO_FULL | {
    "codebook_size": 1024,
    # A quarter of the frames: most of a small model's time goes into its spectrogram.
    "hop_length": 960,
    "conv_dim": 4,
    "encoder_dim": 32,
    "encoder_depth": 2,
    "w2v2_config": _CONFORMER | {"num_attention_heads": 2, "intermediate_size": 64},
    "rvq_n_codebooks": 1,
}


def write_muq(folder: Path, *, full: bool) -> None:
    """Write a checkpoint in the layout of the spec `muq`."""
    audio, text = (_AUDIO_FULL, TEXT_FULL) if full else (_AUDIO, TEXT)
    config = _joint_config(audio["encoder_dim"], text["hidden_size"], text_depth=8 if full else 1)
    towers = folder / "MuQ-large-msd-iter", folder / "xlm-roberta-base"
    for tower in towers:
        tower.mkdir(exist_ok=True)
    (towers[0] / "config.json").write_text(json.dumps(audio, indent=2))
    write_text_tower(towers[1], text)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    with TemporaryDirectory(dir=folder) as scratch:
        model = joint_model(config, audio, text, scratch=Path(scratch))
    randomise(model, seed=1)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def _joint_config(audio_width: int, text_width: int, *, text_depth: int) -> dict[str, Any]:
    heads = {"heads": 8, "dim_head": 64} if text_width >= 512 else {"heads": 2, "dim_head": 16}
    rest = {"attn_dropout": 0.0, "ff_dropout": 0.0, "ff_mult": 4}
    return {
        "mulan": {
            "sr": 24000,
            "clip_secs": 10,
            "dim_latent": 512,
            "decoupled_contrastive_learning": True,
            "hierarchical_contrastive_loss": False,
            "hierarchical_contrastive_loss_layers": None,
            "sigmoid_contrastive_loss": False,
            "rank_contrast": True,
        },
        "audio_model": {"name": "OpenMuQ/MuQ-large-msd-iter", "model_dim": audio_width, "use_layer_idx": -1},
        "text_model": {"name": "xlm-roberta-base", "model_dim": None, "use_layer_idx": -1},
        "audio_transformer": {"dim": text_width, "tf_depth": 0, **heads, **rest},
        "text_transformer": {"dim": text_width, "tf_depth": text_depth, "max_seq_len": 1024, **heads, **rest},
    }


def joint_model(config: dict[str, Any], audio: dict[str, Any], text: dict[str, Any], *, scratch: Path) -> Any:
    """Build `muq.MuQMuLan` with weights of no meaning, from the configurations of the whole and of its towers."""
    # The package builds its towers from folders of their own, and tells their kind by the folders' names.
    import_module("embeddings.embedders.muq_package")  # after which `muq` can be imported
    muq, transformers = import_module("muq"), import_module("transformers")
    audio_folder, text_folder = scratch / "muq", scratch / "xlm-roberta"
    muq.MuQ(audio).save_pretrained(audio_folder, config=audio)
    transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**text)).save_pretrained(text_folder)
    return muq.MuQMuLan(
        config
        | {
            "audio_model": config["audio_model"] | {"name": str(audio_folder)},
            "text_model": config["text_model"] | {"name": str(text_folder)},
        }
    ).eval()
