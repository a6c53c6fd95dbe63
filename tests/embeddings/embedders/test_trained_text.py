"""A trained text tower says what the trainer's own model says, whatever names its weights were saved under."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import get_spec, load_trained_encoder
from embeddings.embedders.outside import stored_form
from embeddings.errors import Refused
from tests.checkpoints.trained import ALPHA, RANK, TEXT_MODEL, Trainee, trainee, write_trained

PROMPTS = [
    "upbeat rock music",
    "relaxing jazz piano, no vocals",
    "a",
    "Klavier am Abend",
    " ".join(["slow rain"] * 400),
]
MODELS = {"mert": 76_800, "latent": 576, "muq": 1536, "acoustic": 320}
LATENT = get_spec("latent")


def trainers_own(trained: Trainee, folder: Path, prompt: str) -> Vector:
    """The trainer's model, line by line: tokenizer, Qwen3, low-rank changes beside the weights, projection, norm."""
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(folder / TEXT_MODEL / "tokenizer.json"), pad_token="<|endoftext|>", padding_side="left"
    )
    inputs = tokenizer([prompt], padding=True, truncation=True, max_length=512, return_tensors="pt")
    modules = dict(trained.encoder.named_modules())
    hooks = [modules[name].register_forward_hook(_beside(*change)) for name, change in trained.changes.items()]
    with torch.no_grad():
        outputs = trained.encoder(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        features = trained.projection(outputs.last_hidden_state[:, -1, :].float())
    for hook in hooks:
        hook.remove()
    vector: Vector = torch.nn.functional.normalize(features, p=2, dim=-1)[0].numpy()
    return vector


def _beside(down: torch.Tensor, up: torch.Tensor) -> Callable[..., torch.Tensor]:
    def add(_module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return output + ALPHA / RANK * (inputs[0] @ down.T) @ up.T

    return add


def stored(spec: EmbedderSpec, vector: Vector) -> Vector:
    kept: Vector = stored_form(spec, [vector])[0]
    return kept


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_reads_as_the_trainer_reads_it(prompt: str, lora: bool, tmp_path: Path) -> None:
    trained = trainee("latent", 576, lora=lora)
    write_trained(tmp_path, trained)
    ours = load_trained_encoder(LATENT, tmp_path).encode(prompt)
    assert np.abs(ours - trainers_own(trained, tmp_path, prompt)).max() < 1e-5


def test_low_rank_changes_change_what_is_said(tmp_path: Path) -> None:
    """Or their tests would show nothing."""
    changed = trainee("latent", 576, lora=True)
    write_trained(tmp_path, changed)
    plain = trainers_own(trainee("latent", 576), tmp_path, PROMPTS[0])
    assert trainers_own(changed, tmp_path, PROMPTS[0]) @ plain < 0.99


@pytest.mark.parametrize(("model", "audio_dim"), MODELS.items())
def test_each_model_gets_vectors_as_its_store_holds_them(model: str, audio_dim: int, tmp_path: Path) -> None:
    trained, spec = trainee(model, audio_dim), get_spec(model)
    write_trained(tmp_path, trained)
    ours = load_trained_encoder(spec, tmp_path).encode(PROMPTS[0])
    assert ours.shape == (spec.dimension,)
    assert ours.dtype == np.float32
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-5)
    assert np.abs(ours - stored(spec, trainers_own(trained, tmp_path, PROMPTS[0]))).max() < 1e-5


def test_weights_in_bfloat16_stay_so(tmp_path: Path) -> None:
    """As transformers reads such a text model; the projection computes in float32."""
    trained = trainee("latent", 576, precision=torch.bfloat16)
    write_trained(tmp_path, trained)
    reader = load_trained_encoder(LATENT, tmp_path)
    kept = {tensor.dtype for tensor in reader._tower.encoder.parameters()}  # type: ignore[attr-defined]
    assert kept == {torch.bfloat16}
    assert np.abs(reader.encode(PROMPTS[1]) - trainers_own(trained, tmp_path, PROMPTS[1])).max() < 1e-5


def test_low_rank_changes_to_bfloat16_weights_are_merged_to_its_rounding(tmp_path: Path) -> None:
    trained = trainee("latent", 576, lora=True, precision=torch.bfloat16)
    write_trained(tmp_path, trained)
    exact = trainers_own(trainee("latent", 576, lora=True), tmp_path, PROMPTS[1])
    assert load_trained_encoder(LATENT, tmp_path).encode(PROMPTS[1]) @ exact > 0.999


@pytest.mark.parametrize("rename", [lambda key: key, lambda key: f"model.{key}"])
def test_what_only_projects_takes_the_published_text_model(rename: Callable[[str], str], tmp_path: Path) -> None:
    trained = trainee("latent", 576)
    write_trained(tmp_path, trained)
    torch.save({**trained.contents(), "text_encoder_state_dict": {}}, tmp_path / "latent_best_r1.pt")
    weights = {rename(key): value.clone() for key, value in trained.encoder.state_dict().items()}
    save_file(weights | {"lm_head.weight": torch.zeros(64, 24)}, tmp_path / TEXT_MODEL / "model.safetensors")
    ours = load_trained_encoder(LATENT, tmp_path).encode(PROMPTS[0])
    assert np.abs(ours - trainers_own(trained, tmp_path, PROMPTS[0])).max() < 1e-5


def test_low_rank_changes_alone_are_added_to_the_published_text_model_in_its_parts(tmp_path: Path) -> None:
    trained = trainee("latent", 576, lora=True)
    write_trained(tmp_path, trained)
    # As peft saves an adapter by itself: without the adapter's name.
    changes = {
        key.replace(".default.", "."): value for key, value in trained.encoder_state().items() if ".lora_" in key
    }
    torch.save({**trained.contents(), "text_encoder_state_dict": changes}, tmp_path / "latent_best_r1.pt")
    write_in_parts(tmp_path / TEXT_MODEL, {key: value.clone() for key, value in trained.encoder.state_dict().items()})
    ours = load_trained_encoder(LATENT, tmp_path).encode(PROMPTS[0])
    assert np.abs(ours - trainers_own(trained, tmp_path, PROMPTS[0])).max() < 1e-5


def test_what_was_read_before_does_not_matter(tmp_path: Path) -> None:
    write_trained(tmp_path, trainee("latent", 576))
    reader = load_trained_encoder(LATENT, tmp_path)
    before = reader.encode("sad")
    reader.encode("a loud and happy rock night")
    assert np.array_equal(reader.encode("sad"), before)


@pytest.mark.parametrize("prompt", ["", " \n", "\ud800"])
def test_a_prompt_without_words_is_refused(prompt: str, tmp_path: Path) -> None:
    write_trained(tmp_path, trainee("latent", 576))
    with pytest.raises(Refused, match="prompt is empty") as refused:
        load_trained_encoder(LATENT, tmp_path).encode(prompt)
    assert refused.value.code == "prompt_empty"


def write_in_parts(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Two files and an index, as large models are published."""
    import json

    names = sorted(weights)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for name, keys in parts.items():
        save_file({key: weights[key] for key in keys}, folder / name)
    index = {"weight_map": {key: name for name, keys in parts.items() for key in keys}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
