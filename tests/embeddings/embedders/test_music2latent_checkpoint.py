"""Checkpoints of Music2Latent: what loads is the encoder and nothing else, what does not is refused with a sentence."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from music2latent import models
from safetensors.torch import save_file

from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.embedders.music2latent import Music2LatentEmbedder, load_encoder
from embeddings.errors import CheckpointRefused
from tests.checkpoints.latent import hyperparameters, write_latent
from tests.checkpoints.weights import randomise

WIDTHS = {"base_channels": 8, "bottleneck_base_channels": 16, "cond_channels": 16}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_latent(tmp_path, full=False)
    return tmp_path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "music2latent.pt")["gen_state_dict"]
    return found


def rewrite(folder: Path, state: object, **more: object) -> None:
    torch.save({"gen_state_dict": state, **more}, folder / "music2latent.pt")


def same(loaded: torch.nn.Module, state: dict[str, torch.Tensor]) -> bool:
    own = loaded.state_dict()
    return bool(own) and all(torch.equal(own[key], state[f"encoder.{key}"]) for key in own)


def write_other(folder: Path) -> None:
    """A checkpoint of other sizes."""
    with hyperparameters(WIDTHS):
        network = models.UNet()
    randomise(network, seed=4)
    rewrite(folder, network.state_dict())
    (folder / "hparams.json").write_text(json.dumps(WIDTHS))


def test_the_encoder_alone_is_loaded_in_float32(folder: Path) -> None:
    encoder = load_encoder(folder)
    assert same(encoder, weights(folder))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert sum(key.startswith("encoder.") for key in weights(folder)) == len(encoder.state_dict())


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_safetensors_may_name_the_encoder_or_not(folder: Path, prefix: str) -> None:
    state = weights(folder)
    own = {key.removeprefix("encoder."): tensor for key, tensor in state.items() if key.startswith("encoder.")}
    save_file({prefix + key: tensor for key, tensor in own.items()}, folder / "music2latent.safetensors")
    (folder / "music2latent.pt").unlink()
    assert same(load_encoder(folder), state)


def test_safetensors_may_hold_the_whole_codec(folder: Path) -> None:
    state = weights(folder)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, folder / "music2latent.safetensors")
    (folder / "music2latent.pt").unlink()
    assert same(load_encoder(folder), state)


@pytest.mark.parametrize("core", ["core", "_core"])
def test_numpy_numbers_of_a_training_do_no_harm(folder: Path, core: str) -> None:
    state = weights(folder)
    figures = {"loss": np.float64(0.5), "steps": np.int64(3), "rate": np.float32(1e-4)}
    rewrite(folder, state, **figures)
    _rename_in_pickle(folder / "music2latent.pt", b"numpy._core.multiarray", f"numpy.{core}.multiarray".encode())
    assert same(load_encoder(folder), state)


def _rename_in_pickle(path: Path, old: bytes, new: bytes) -> None:
    """Older numpy gave its parts other names."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert any(old in content for name, content in parts.items() if name.endswith("data.pkl"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)


class _Bomb:
    def __init__(self, crater: Path) -> None:
        self.crater = crater

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.crater,)


def test_a_pickle_that_would_run_something_is_refused_unrun(folder: Path) -> None:
    crater = folder / "crater"
    rewrite(folder, weights(folder), extra=_Bomb(crater))
    with pytest.raises(CheckpointRefused, match=r"music2latent\.pt"):
        load_encoder(folder)
    assert not crater.exists()


def test_missing_weights_are_named(folder: Path) -> None:
    state = weights(folder)
    del state["encoder.conv_out.bias"]
    rewrite(folder, state)
    with pytest.raises(CheckpointRefused, match=r"music2latent\.pt.*missing: conv_out\.bias"):
        load_encoder(folder)


@pytest.mark.parametrize("state", [{}, None, {"encoder.layers.0.weight": torch.zeros(3)}])
def test_weights_of_no_or_another_model_are_refused(folder: Path, state: object) -> None:
    rewrite(folder, state)
    with pytest.raises(CheckpointRefused, match=r"music2latent\.pt"):
        load_encoder(folder)


def test_a_file_that_is_cut_off_is_refused(folder: Path) -> None:
    path = folder / "music2latent.pt"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointRefused, match=r"music2latent\.pt"):
        load_encoder(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"music2latent\.pt"):
        load_encoder(tmp_path)


def test_no_checkpoint_at_all_is_refused() -> None:
    with pytest.raises(CheckpointRefused, match="LATENT_CHECKPOINT"):
        Music2LatentEmbedder(Runtime())


def test_small_weights_without_their_sizes_are_refused(folder: Path) -> None:
    (folder / "hparams.json").unlink()
    with pytest.raises(CheckpointRefused, match="shape"):
        load_encoder(folder)


def test_sizes_of_one_checkpoint_do_not_reach_the_next(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write_other(other)
    before = (models.base_channels, models.layers_list_encoder)
    assert same(load_encoder(folder), weights(folder))
    assert same(load_encoder(other), weights(other))
    assert (models.base_channels, models.layers_list_encoder) == before


def test_networks_of_two_sizes_may_be_loaded_at_once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write_other(other)
    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(load_encoder, [folder, other] * 6))
    widths = [encoder.state_dict()["conv_inp.weight"].shape[0] for encoder in loaded]
    assert widths == [4, 8] * 6


def test_an_encoder_that_says_nothing_is_refused_when_it_is_loaded(folder: Path) -> None:
    state = weights(folder)
    rewrite(folder, {key: torch.zeros_like(each) for key, each in state.items()})
    with pytest.raises(CheckpointRefused, match=f"{folder} describes a model"):
        Music2LatentEmbedder(Runtime(checkpoint=Checkpoint(folders={"": folder}, digest="")))


@pytest.mark.parametrize(
    "sizes",
    [
        {"base_channels": 12},
        {"base_channels": True},
        {"base_channels": 2048},
        {"base_channels": "64"},
        {"bottleneck_channels": 32},
        {"layers_list_encoder": [1, 1]},
        {"layers_list_encoder": [1, 1, 1, 1, 10**9]},
        {"__builtins__": 64},
        [64],
    ],
)
def test_other_hyperparameters_are_refused(folder: Path, sizes: object) -> None:
    before = models.base_channels
    (folder / "hparams.json").write_text(json.dumps(sizes))
    with pytest.raises(CheckpointRefused, match=r"hparams\.json"):
        load_encoder(folder)
    assert models.base_channels == before


def test_loading_uses_up_no_random_numbers(folder: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    load_encoder(folder)
    assert torch.equal(torch.rand(1), expected)
