"""A trained text checkpoint that does not fit is refused with the name of what does not, and no code of it is run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from embeddings.embedders import get_spec, load_trained_encoder
from embeddings.embedders.trained_encoder import require_room
from embeddings.errors import CheckpointRefused, WorkerUnfit
from tests.checkpoints.trained import TEXT_MODEL, trainee, write_trained

LATENT = get_spec("latent")
Damage = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def contents() -> dict[str, Any]:
    return trainee("latent", 576, lora=True).contents()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_trained(tmp_path, trainee("latent", 576, lora=True))
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointRefused) as refused:
        load_trained_encoder(LATENT, folder)
    sentence = str(refused.value)
    assert str(folder) in sentence
    return sentence


def rewritten(folder: Path, contents: Any) -> str:
    torch.save(contents, folder / "latent_best_r1.pt")
    return refusal(folder)


FIRST = "base_model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("part", "damage", "said"),
    [
        ("config", {"audio_dim": 1536}, "with 1536 numbers, and those of latent have 576"),
        ("config", {"audio_encoder": "mert"}, "vectors of 'mert' with 576 numbers"),
        ("config", {"audio_dim": "576"}, "audio_dim='576'"),
        ("config", {"text_dim": 25}, "0.weight is 8x24 and not 8x25"),
        ("config", {"hidden_dim": 9}, "wrong shape: 0.weight is 8x24 and not 9x24"),
        ("config", {"hidden_dim": -1}, "hidden_dim=-1"),
        ("config", {"text_model_name": "../../etc"}, "needs the folder"),
        ("config", {"text_model_name": ".."}, "text_model_name='..'"),
        ("config", {"text_model_name": None}, "text_model_name=None"),
        ("config", {"lora_rank": 8}, "lora_rank=8"),
        ("config", {"lora_alpha": "much"}, "lora_alpha='much'"),
        ("config", {"use_rslora": True}, "use_rslora"),
        ("projection_state_dict", {"text_proj.6.weight": torch.zeros(2)}, "The projection in"),
        ("projection_state_dict", {"temperature": torch.zeros(1)}, "unknown in its projection: temperature"),
        ("projection_state_dict", {"text_proj.5.running_var": torch.full((576,), torch.nan)}, "not finite"),
        ("text_encoder_state_dict", {f"{FIRST}.lora_A.default.weight": torch.zeros(3, 24)}, "lora_A is (3, 24)"),
        ("text_encoder_state_dict", {f"{FIRST}.lora_A.other.weight": torch.zeros(4, 24)}, "several adapters"),
        ("text_encoder_state_dict", {f"{FIRST}.lora_magnitude_vector": torch.zeros(4)}, "lora_magnitude_vector"),
        ("text_encoder_state_dict", {"layers.9.mlp.up_proj.weight": torch.zeros(4)}, "unknown: layers.9.mlp.up_proj"),
        ("text_encoder_state_dict", {"norm.weight": torch.zeros(24)}, "holds norm.weight twice"),
    ],
)
def test_what_does_not_fit_is_named(
    part: str, damage: dict[str, Any], said: str, folder: Path, contents: dict[str, Any]
) -> None:
    assert said in rewritten(folder, {**contents, part: {**contents[part], **damage}})


@pytest.mark.parametrize(
    ("part", "key", "said"),
    [
        ("text_encoder_state_dict", "base_model.model.norm.weight", "missing: norm.weight"),
        ("text_encoder_state_dict", "base_model.model.embed_tokens.weight", "missing: embed_tokens.weight"),
        ("text_encoder_state_dict", f"{FIRST}.lora_B.default.weight", "missing: layers.0.self_attn.q_proj.lora_B"),
        ("projection_state_dict", "text_proj.5.running_mean", "missing: 5.running_mean"),
        ("config", "text_dim", "text_dim=None"),
    ],
)
def test_what_is_missing_is_named(part: str, key: str, said: str, folder: Path, contents: dict[str, Any]) -> None:
    rest = {name: value for name, value in contents[part].items() if name != key}
    assert len(rest) == len(contents[part]) - 1
    assert said in rewritten(folder, {**contents, part: rest})


@pytest.mark.parametrize("part", ["config", "projection_state_dict"])
def test_a_part_that_is_missing_is_refused(part: str, folder: Path, contents: dict[str, Any]) -> None:
    rewritten(folder, {name: value for name, value in contents.items() if name != part})


def test_low_rank_changes_of_a_module_that_the_text_model_lacks_are_refused(
    folder: Path, contents: dict[str, Any]
) -> None:
    changes = {f"base_model.model.layers.7.up_proj.lora_{factor}.default.weight": torch.ones(4, 4) for factor in "AB"}
    encoder = {**contents["text_encoder_state_dict"], **changes}
    said = rewritten(folder, {**contents, "text_encoder_state_dict": encoder})
    assert "unknown: layers.7.up_proj.lora_A" in said


def test_the_later_trainers_format_is_refused(folder: Path) -> None:
    """Its model is another, and adds random numbers."""
    later = {
        "state_dict": {},
        "target_dim": 576,
        "enrichment_enabled": True,
        "output_dim": 576,
        "model_class": "MiniLM",
    }
    assert "later trainer ('MiniLM')" in rewritten(folder, later)


@pytest.mark.parametrize("contents", [[1, 2], {}, {"weight": torch.zeros(3)}, "text"])
def test_something_else_is_refused(contents: Any, folder: Path) -> None:
    assert "no 'config'" in rewritten(folder, contents)


def test_a_pickle_that_would_run_a_program_is_not_opened(folder: Path, contents: dict[str, Any]) -> None:
    class Program:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {folder}/it-ran",)

    assert "a pickle can run any program" in rewritten(folder, {**contents, "metrics": Program()})
    assert not (folder / "it-ran").exists()


@pytest.mark.parametrize("length", [0, 10, 5_000])
def test_a_file_that_was_cut_off_is_refused(length: int, folder: Path) -> None:
    path = folder / "latent_best_r1.pt"
    path.write_bytes(path.read_bytes()[:length])
    assert "latent_best_r1.pt" in refusal(folder)


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json"])
def test_a_text_model_without_its_files_is_refused(missing: str, folder: Path) -> None:
    (folder / TEXT_MODEL / missing).unlink()
    assert missing in refusal(folder)


def test_small_files_are_looked_at_before_large_ones(folder: Path, contents: dict[str, Any]) -> None:
    (folder / TEXT_MODEL / "tokenizer.json").unlink()
    assert "tokenizer.json" in rewritten(folder, {**contents, "text_encoder_state_dict": {}})


def test_without_the_text_model_it_is_said_which_folder_it_needs(folder: Path) -> None:
    (folder / TEXT_MODEL).rename(folder / "another")
    assert f"needs the folder {folder / TEXT_MODEL} with config.json and tokenizer.json" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "bert"}, "is of a 'bert'"),
        ({"hidden_size": 32}, "states of 32 numbers"),
        ({"num_hidden_layers": 3}, "missing: layers.2"),
        ({"num_hidden_layers": -1}, "no text model that can be built"),
        ({"rope_scaling": {"rope_type": "none"}}, "no text model that can be built"),
        ({"vocab_size": 50}, "wrong shape"),
        ({"vocab_size": "many"}, "no text model that can be built"),
        ({"max_position_embeddings": 0}, "no text model that can be built"),
    ],
)
def test_a_text_model_of_another_shape_is_refused(change: dict[str, Any], said: str, folder: Path) -> None:
    path = folder / TEXT_MODEL / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert said in refusal(folder)


def test_a_tokenizer_of_a_larger_model_is_refused(folder: Path) -> None:
    path = folder / TEXT_MODEL / "tokenizer.json"
    described = json.loads(path.read_text())
    described["model"]["vocab"] |= {f"word{number}": 100 + number for number in range(100)}
    path.write_text(json.dumps(described))
    assert "is it another model's tokenizer?" in refusal(folder)


@pytest.mark.parametrize("shard", ["../secret.safetensors", 5])
def test_an_index_leads_nowhere_else(shard: Any, folder: Path, contents: dict[str, Any]) -> None:
    index = {"weight_map": {"embed_tokens.weight": shard}}
    (folder / TEXT_MODEL / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "which is no file beside it" in rewritten(folder, {**contents, "text_encoder_state_dict": {}})


def test_without_any_weights_of_the_text_model_it_is_said(folder: Path, contents: dict[str, Any]) -> None:
    assert "There are no weights in" in rewritten(folder, {**contents, "text_encoder_state_dict": {}})


def test_a_text_model_that_memory_cannot_hold_is_not_begun(folder: Path) -> None:
    path = folder / "latent_best_r1.pt"
    with pytest.raises(WorkerUnfit, match=rf"of {path} needs 1000000.0 GB of memory, and [0-9.]+ GB are available"):
        require_room(10**15, path)
    require_room(10**6, path)
