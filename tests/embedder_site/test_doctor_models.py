"""The doctor's words about models: where their checkpoints are, under which licence, and what computes them."""

from pathlib import Path
from typing import Any

import pytest

from embedder_site.doctor_models import check_checkpoints, check_device, checkpoint_finding
from embeddings.embedders import get_spec
from embeddings.embedders.checkpoints import state_of
from embeddings.embedders.checkpoints.hub import Hub
from embeddings.jobs.identity import installed
from embeddings.models import Generation, GenerationState, Identity


@pytest.fixture
def latent(tmp_path: Path, settings: Any) -> Path:
    """The configured checkpoint of the only neural model."""
    (tmp_path / "latent").mkdir()
    (tmp_path / "latent" / "music2latent.pt").write_bytes(b"x" * 2_000_000)
    settings.MODELS = ["acoustic", "latent"]
    settings.CHECKPOINTS = {"latent": str(tmp_path / "latent")}
    return tmp_path / "latent"


def test_models_without_weights_have_neither_checkpoint_nor_device() -> None:
    assert check_checkpoints() == check_device(tables=False) == []


def test_a_local_checkpoint_is_said_with_its_size_and_licence(latent: Path) -> None:
    (found,) = check_checkpoints()
    assert (found.subject, found.state, found.answer) == ("latent", "ok", "complete, 2 MB")
    assert found.used == f"{latent} (LATENT_CHECKPOINT), weights CC BY-NC 4.0"


def test_a_folder_that_lacks_files_is_said(latent: Path) -> None:
    (latent / "music2latent.pt").unlink()
    (found,) = check_checkpoints()
    assert (found.state, found.used) == ("missing", f"{latent} (LATENT_CHECKPOINT), weights CC BY-NC 4.0")
    assert found.answer.startswith(f"LATENT_CHECKPOINT={latent} lacks music2latent.pt;")


def test_what_will_be_downloaded_is_said_with_its_size(tmp_path: Path) -> None:
    spec, hub = get_spec("mert"), Hub(cache=tmp_path, endpoint="http://hub.lan", offline=False)
    found = checkpoint_finding(spec, state_of(spec, None, hub=hub))
    assert (found.state, found.used) == ("warning", "http://hub.lan, weights CC BY-NC 4.0")
    assert found.answer.startswith("a worker downloads it when it is first needed, about 1.3 GB: m-a-p/MERT-v1-330M (")
    assert "Checkpoints" in found.advice


def test_what_cannot_be_had_is_missing(tmp_path: Path) -> None:
    spec, hub = get_spec("mert"), Hub(cache=tmp_path, endpoint="http://hub.lan", offline=True)
    found = checkpoint_finding(spec, state_of(spec, None, hub=hub))
    assert (found.state, found.used) == ("missing", "Hugging Face hub, weights CC BY-NC 4.0")
    assert "m-a-p/MERT-v1-330M (config.json, preprocessor_config.json, pytorch_model.bin)" in found.answer


def test_the_device_is_said_with_each_model_s_precision(latent: Path, settings: Any) -> None:
    settings.DEVICE = "cpu"
    (found,) = check_device(tables=False)
    assert found.used == "DEVICE=cpu (default), PRECISION=auto (default)"
    assert found.answer.endswith("latent in float32")


@pytest.fixture
def begun(latent: Path, db: None, settings: Any) -> Generation:
    """Vectors of the neural model that were begun in TF32, while the CPU is the device here."""
    settings.DEVICE = "cpu"
    spec = get_spec("latent")
    identity = Identity(checkpoint="ab" * 32, packages=installed(spec), precision="tf32")
    return Generation.objects.open(spec, state=GenerationState.LIVE, identity=identity)


def test_the_precision_is_the_one_that_vectors_were_begun_in(begun: Generation) -> None:
    Generation.objects.update(precision="bfloat16")
    (found,) = check_device(tables=True)
    assert found.state == "ok"
    assert found.answer.endswith("latent in bfloat16, as latent_embedding_g0001 was begun")


def test_a_device_that_cannot_go_on_with_what_was_begun_is_said(begun: Generation) -> None:
    (found,) = check_device(tables=True)
    assert found.state == "missing"
    assert found.answer.startswith("The vectors of latent were begun in tf32 on a GPU, and this worker has none")


def test_what_was_begun_with_other_packages_is_not_gone_on_with(begun: Generation) -> None:
    Generation.objects.update(packages="music2latent 0.0.1")
    (found,) = check_device(tables=True)
    assert (found.state, found.answer.endswith("latent in float32")) == ("ok", True)


@pytest.mark.parametrize(
    ("setting", "value", "answer"),
    [
        ("DEVICE", "gpu", "DEVICE=gpu is no device"),
        ("DEVICE", "cuda:99", "DEVICE asks for cuda:99"),
        ("PRECISION", "bfloat16", "The model latent is not computed in PRECISION=bfloat16"),
    ],
)
def test_a_wrong_device_is_said(latent: Path, settings: Any, setting: str, value: str, answer: str) -> None:
    setattr(settings, setting, value)
    (found,) = check_device(tables=False)
    assert found.state == "missing"
    assert found.answer.startswith(answer)
