"""A checkpoint of MuQ-MuLan is taken whole or refused with a sentence, and importing its package leaves no trace."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embeddings.embedders import get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.muq import MuqEmbedder
from embeddings.embedders.muq_checkpoint import MUQ, XLM_ROBERTA, load_audio_tower, load_text_tower
from embeddings.embedders.muq_text import MuqTextEncoder
from embeddings.embedders.muq_towers import AudioTower
from embeddings.errors import CheckpointRefused
from tests.checkpoints.muq import write_muq
from tests.embeddings.embedders.muq_package_model import runtime_of

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("muq")
    write_muq(made, full=False)
    return made


@pytest.fixture
def changed(whole: Path, tmp_path: Path) -> Callable[[Callable[[Weights], Any]], dict[str, Path]]:
    """The checkpoint with other weights."""

    def write(change: Callable[[Weights], Any]) -> dict[str, Path]:
        weights = torch.load(whole / "pytorch_model.bin", weights_only=True)
        change(weights)
        torch.save(weights, tmp_path / "pytorch_model.bin")
        (tmp_path / "config.json").write_text((whole / "config.json").read_text())
        return folders_of(whole) | {"": tmp_path}

    return write


def folders_of(folder: Path) -> dict[str, Path]:
    return {files.folder: folder / files.folder for files in get_spec("muq").checkpoint}


def rewritten(folder: Path, **change: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


Change = Callable[[Callable[[Weights], Any]], dict[str, Path]]


def drop(*prefixes: str) -> Callable[[Weights], None]:
    def change(weights: Weights) -> None:
        for key in [key for key in weights if key.startswith(prefixes)]:
            del weights[key]

    return change


def test_either_half_does_without_the_other(changed: Change) -> None:
    load_audio_tower(get_spec("muq"), changed(drop("mulan.text", "mulan.contrast")))
    load_text_tower(get_spec("muq"), changed(drop("mulan.audio", "mulan.contrast")))


@pytest.mark.parametrize(
    ("load", "key"),
    [
        (load_audio_tower, "mulan.audio.proj.bias"),
        (load_audio_tower, "mulan.audio.model.model.conv.linear.weight"),
        (load_text_tower, "mulan.text_to_latents.weight"),
        (load_text_tower, "mulan.text.model.embeddings.word_embeddings.weight"),
    ],
)
def test_a_missing_weight_is_refused_by_name(load: Callable[..., Any], key: str, changed: Change) -> None:
    with pytest.raises(CheckpointRefused, match=f"missing.*{key}"):
        load(get_spec("muq"), changed(drop(key)))


@pytest.mark.parametrize("key", ["mulan.audio.surprise", "surprise", "audio.proj.bias"])
def test_an_unknown_weight_is_refused_by_name(key: str, changed: Change) -> None:
    with pytest.raises(CheckpointRefused, match=f"unknown.*{key}"):
        load_audio_tower(get_spec("muq"), changed(lambda weights: weights.update({key: torch.zeros(1)})))


def test_a_weight_of_another_shape_is_refused_by_name(changed: Change) -> None:
    with pytest.raises(CheckpointRefused, match=r"mulan\.audio_to_latents\.bias is 7 and not 512"):
        load_audio_tower(
            get_spec("muq"), changed(lambda weights: weights.update({"mulan.audio_to_latents.bias": torch.zeros(7)}))
        )


def test_names_of_older_packages_are_understood(changed: Change, whole: Path) -> None:
    conv = "mulan.audio.model.model.conformer.pos_conv_embed.conv"

    def older(weights: Weights) -> None:
        weights["mulan.text.model.embeddings.position_ids"] = torch.arange(514)[None]
        for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
            weights[f"{conv}.{old}"] = weights.pop(f"{conv}.parametrizations.weight.{new}")

    folders = changed(older)
    load_text_tower(get_spec("muq"), folders)
    loaded = load_audio_tower(get_spec("muq"), folders).state_dict()
    now = load_audio_tower(get_spec("muq"), folders_of(whole)).state_dict()
    assert all(torch.equal(loaded[key], now[key]) for key in now)


@pytest.mark.parametrize("change", [{"sr": 16_000}, {"clip_secs": 5}, {"dim_latent": 128}])
def test_a_joint_model_of_other_sizes_is_refused(change: dict[str, int], changed: Change) -> None:
    folders = changed(lambda _weights: None)
    joint = json.loads((folders[""] / "config.json").read_text())
    rewritten(folders[""], mulan=joint["mulan"] | change)
    with pytest.raises(CheckpointRefused, match="is not MuQ-MuLan's"):
        load_audio_tower(get_spec("muq"), folders)


@pytest.mark.parametrize(
    "change", [{"encoder_dim": "wide"}, {"label_rate": 0}, {"w2v2_config": {}}, {"use_encodec_target": True}]
)
def test_a_configuration_that_describes_no_tower_is_refused(
    change: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text((whole / MUQ / "config.json").read_text())
    rewritten(tmp_path, **change)
    with pytest.raises(CheckpointRefused, match=r"config\.json"):
        load_audio_tower(get_spec("muq"), folders_of(whole) | {MUQ: tmp_path})


def runtime_with(folder: Path, part: str, scratch: Path, **change: Any) -> Runtime:
    """The checkpoint with another configuration of one part."""
    shutil.copytree(folder, scratch, dirs_exist_ok=True)
    rewritten(scratch / part, **change)
    return runtime_of(scratch)


@pytest.mark.parametrize("change", [{"stat": {}}, {"stat": {"melspec_2048_mean": 6.8, "melspec_2048_std": 0.0}}])
def test_a_tower_that_cannot_hear_is_refused_when_it_is_loaded(
    change: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointRefused, match=r"config\.json describes a model"):
        MuqEmbedder(runtime_with(whole, MUQ, tmp_path, **change))


@pytest.mark.parametrize("change", [{"pad_token_id": 600}, {"hidden_act": "nothing"}, {"layer_norm_eps": float("nan")}])
def test_a_tower_that_cannot_read_is_refused_when_it_is_loaded(
    change: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointRefused, match=r"xlm-roberta-base/config\.json describes"):
        MuqTextEncoder(runtime_with(whole, XLM_ROBERTA, tmp_path, **change))


@pytest.mark.parametrize("change", [
    {"attn_implementation": "someone/kernel"}, {"_attn_implementation": "eager"}, {"return_dict": False},
    {"is_decoder": True, "add_cross_attention": True}, {"output_attentions": True}, {"chunk_size_feed_forward": 7},
])  # fmt: skip
def test_a_configuration_decides_nothing_but_the_shape_of_the_reader(
    change: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    changed = MuqTextEncoder(runtime_with(whole, XLM_ROBERTA, tmp_path, **change))
    assert np.array_equal(changed.encode("slow sad piano"), MuqTextEncoder(runtime_of(whole)).encode("slow sad piano"))


def test_a_configuration_decides_nothing_but_the_shape_of_the_conformer(whole: Path) -> None:
    muq, joint = (json.loads((whole / part / "config.json").read_text()) for part in (MUQ, ""))
    muq["w2v2_config"] |= {"gradient_checkpointing": True, "items": "evil", "__class__": "evil"}
    assert "evil" not in str(vars(AudioTower(joint, muq).audio.model.model.conformer.config))


def test_a_missing_configuration_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"config\.json cannot be read"):
        load_text_tower(get_spec("muq"), folders_of(whole) | {XLM_ROBERTA: tmp_path})


def test_a_cut_off_file_is_refused(whole: Path, changed: Change) -> None:
    folders = changed(lambda _weights: None)
    weights = folders[""] / "pytorch_model.bin"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(CheckpointRefused, match=r"pytorch_model\.bin"):
        load_audio_tower(get_spec("muq"), folders)


def test_no_checkpoint_is_refused_with_what_to_do() -> None:
    with pytest.raises(CheckpointRefused, match="set MUQ_CHECKPOINT"):
        MuqEmbedder(Runtime())


def test_importing_the_package_leaves_no_stand_ins_behind() -> None:
    assert "x_clip" not in sys.modules
    assert import_module("torchaudio").transforms.MelSpectrogram
