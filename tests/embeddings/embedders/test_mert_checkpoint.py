"""What MERT loads and what it refuses; nothing of a checkpoint is ever run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from embeddings.domain import Precision, Span, Window
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.embedders.mert import MertEmbedder
from embeddings.errors import CheckpointRefused, WorkerUnfit

WEIGHTS = "pytorch_model.bin"
NOISE = (0.1 * np.random.default_rng(0).standard_normal(24_000)).astype(np.float32)
WINDOW = Window(index=0, rate=24_000, span=Span(start=0, length=24_000), samples=NOISE)


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(checkpoints["mert"], tmp_path / "mert"))


def load(folder: Path, precision: Precision = "float32") -> MertEmbedder:
    return MertEmbedder(Runtime(checkpoint=Checkpoint(folders={"": folder}, digest=""), precision=precision))


def feature(folder: Path) -> torch.Tensor:
    (found,) = load(folder).embed_windows([WINDOW])
    assert isinstance(found, torch.Tensor)
    return found


def weights(folder: Path) -> dict[str, torch.Tensor]:
    read: dict[str, torch.Tensor] = torch.load(folder / "pytorch_model.bin", weights_only=True)
    return read


def configure(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_safetensors_give_the_same(folder: Path) -> None:
    expected = feature(folder)
    save_file({name: tensor.contiguous() for name, tensor in weights(folder).items()}, folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    assert torch.equal(feature(folder), expected)


def test_new_names_of_weights_give_the_same(folder: Path) -> None:
    expected = feature(folder)
    renamed = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): tensor
        for name, tensor in weights(folder).items()
    }
    torch.save(renamed, folder / "pytorch_model.bin")
    assert torch.equal(feature(folder), expected)


def test_code_beside_the_weights_is_not_run(folder: Path) -> None:
    ran = folder / "ran"
    for name in ("configuration_MERT.py", "modeling_MERT.py"):
        (folder / name).write_text(f"open({str(ran)!r}, 'w').close()\n")
    load(folder)
    assert not ran.exists()


def test_what_training_left_in_the_configuration_does_not_matter(folder: Path) -> None:
    expected = feature(folder)
    configure(folder, "config.json", hidden_dropout=0.5, layerdrop=0.9, apply_spec_augment=True, torch_dtype="float16")
    assert torch.equal(feature(folder), expected)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("config.json", {"feature_extractor_cqt": True}, "feature_extractor_cqt"),
        ("config.json", {"deepnorm": True}, "deepnorm"),
        ("config.json", {"do_stable_layer_norm": False}, "do_stable_layer_norm"),
        ("config.json", {"model_type": "hubert"}, "'hubert'"),
        ("config.json", {"hidden_size": 64}, "does not fit"),
        ("config.json", {"num_hidden_layers": 12}, "does not fit"),
        ("config.json", {"num_hidden_layers": 25}, "does not fit"),
        ("config.json", {"conv_dim": [8]}, "describes no network"),
        ("config.json", {"hidden_size": "wide"}, "describes no network"),
        ("config.json", {"layer_norm_eps": float("nan")}, r"config\.json describes a model .* not finite"),
        ("config.json", {"conv_stride": [10**6] * 7}, r"config\.json describes a model that cannot compute"),
        ("preprocessor_config.json", {"sampling_rate": 16_000}, "16000 Hz"),
        ("preprocessor_config.json", {"sampling_rate": "24000"}, "'24000' Hz"),
        ("preprocessor_config.json", {"sampling_rate": 24_000.0}, "24000.0 Hz"),
        ("preprocessor_config.json", {"do_normalize": "false"}, r"preprocessor_config\.json has do_normalize='false'"),
        ("preprocessor_config.json", {"do_normalize": None}, "do_normalize=None"),
    ],
)
def test_other_models_are_refused(folder: Path, name: str, changes: dict[str, Any], words: str) -> None:
    configure(folder, name, **changes)
    with pytest.raises(CheckpointRefused, match=words):
        load(folder)


def test_a_kernel_that_the_configuration_names_is_not_fetched(folder: Path) -> None:
    expected = feature(folder)
    configure(folder, "config.json", attn_implementation="someone/kernel", _attn_implementation="someone/kernel")
    assert torch.equal(feature(folder), expected)


def test_silence_does_not_prove_a_precision_that_music_refutes(folder: Path) -> None:
    # Frames that differ get attention as sharp as a switch; those of silence are all alike, and nothing is switched.
    kept = weights(folder)
    sharp = ("q_proj.weight", "k_proj.weight")
    torch.save({key: 30 * each if key.endswith(sharp) else each for key, each in kept.items()}, folder / WEIGHTS)
    embedder = load(folder, "bfloat16")
    silence = replace(WINDOW, samples=np.zeros_like(NOISE))
    assert len(embedder.embed_windows([silence] * 2)) == 2
    with pytest.raises(WorkerUnfit, match="set PRECISION=float32"):
        embedder.embed_windows([silence, WINDOW])


def without_a_weight(folder: Path) -> None:
    kept = weights(folder)
    del kept["encoder.pos_conv_embed.conv.weight_g"]
    torch.save(kept, folder / "pytorch_model.bin")


def with_one_more_weight(folder: Path) -> None:
    torch.save(weights(folder) | {"lm_head.weight": torch.zeros(3)}, folder / "pytorch_model.bin")


def with_another_models_weights(folder: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(3)}, folder / "pytorch_model.bin")


def cut_off(folder: Path) -> None:
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_damaged_configuration(folder: Path) -> None:
    (folder / "config.json").write_text('{"hidden_size": ')


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_weight,
        with_one_more_weight,
        with_another_models_weights,
        cut_off,
        with_damaged_configuration,
        lambda folder: (folder / "pytorch_model.bin").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "preprocessor_config.json").unlink(),
    ],
    ids=["missing weight", "foreign weight", "other model", "cut off", "damaged", "no weights", "no config", "no rate"],
)
def test_broken_checkpoints_are_refused_naming_a_file(folder: Path, spoil: Callable[[Path], Any]) -> None:
    spoil(folder)
    with pytest.raises(CheckpointRefused, match=str(folder)):
        load(folder)


def test_no_checkpoint_is_refused() -> None:
    with pytest.raises(CheckpointRefused, match="MERT_CHECKPOINT"):
        MertEmbedder(Runtime())
