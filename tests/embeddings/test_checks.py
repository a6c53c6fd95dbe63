"""What is wrong with a configuration is said before anything starts."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embeddings.checks import check_configuration, check_keeping, check_models, spec_errors
from embeddings.embedders import SPECS


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_shipped_configuration_is_sound() -> None:
    assert check_configuration() == []
    assert check_models() == []
    assert check_keeping() == []
    assert spec_errors(list(SPECS.values())) == []


@pytest.mark.parametrize("models", [["vggish"], []])
def test_a_model_that_does_not_exist_is_refused(settings: Any, models: list[str]) -> None:
    settings.MODELS = models
    assert ids(check_configuration()) == ["embeddings.E001"]


def test_a_missing_queue_is_refused(settings: Any) -> None:
    settings.RQ_QUEUES = {"embed": {}}
    assert ids(check_configuration()) == ["embeddings.E002"]


def test_too_little_memory_to_decode_is_refused(settings: Any) -> None:
    settings.AUDIO_MEMORY_MB = 64
    assert ids(check_configuration()) == ["embeddings.E003"]


def test_the_queue_of_prompts_is_needed_too(settings: Any) -> None:
    settings.RQ_QUEUES = {"control": {}, "embed": {}}
    assert ids(check_configuration()) == ["embeddings.E002"]


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:11"])
def test_a_device_is_taken(settings: Any, device: str) -> None:
    settings.DEVICE = device
    assert check_models() == []
    assert check_keeping() == []


@pytest.mark.parametrize("device", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:a", "cpu:0", "0"])
def test_what_is_no_device_is_refused(settings: Any, device: str) -> None:
    settings.DEVICE = device
    assert ids(check_models()) == ["embeddings.E004"]


@pytest.mark.parametrize("precision", ["", "float16", "fp32", "BFLOAT16"])
def test_what_is_no_precision_is_refused(settings: Any, precision: str) -> None:
    settings.PRECISION = precision
    assert ids(check_models()) == ["embeddings.E005"]


def test_a_precision_in_which_a_chosen_model_is_not_computed_is_refused(settings: Any) -> None:
    settings.PRECISION, settings.MODELS = "bfloat16", ["acoustic", "muq", "latent"]
    assert [error.msg for error in check_models()] == [
        "The model latent is not computed in PRECISION=bfloat16; choose from auto, tf32, float32."
    ]


def test_a_negative_memory_is_refused(settings: Any) -> None:
    settings.MAX_GPU_MEMORY_GB = -1.0
    assert ids(check_models()) == ["embeddings.E006"]


def test_a_checkpoint_folder_that_does_not_exist_is_warned_of(settings: Any, tmp_path: Path) -> None:
    settings.CHECKPOINTS = {"muq": "/nowhere", "mert": str(tmp_path), "latent": ""}
    (warning,) = check_models()
    assert (warning.id, warning.msg) == ("embeddings.W001", "MUQ_CHECKPOINT is no folder here: /nowhere")


def test_a_folder_without_text_checkpoints_is_warned_of(settings: Any, tmp_path: Path) -> None:
    settings.TEXT_CHECKPOINT_DIR = "/nowhere"
    assert [found.msg for found in check_models()] == ["TEXT_CHECKPOINT_DIR is no folder here: /nowhere"]
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    (found,) = check_models()
    assert (found.id, found.msg) == ("embeddings.W002", f"TEXT_CHECKPOINT_DIR holds no <model>_best_r1.pt: {tmp_path}")
    (tmp_path / "latent_best_r1.pt").touch()
    assert check_models() == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"dimension": 76_800}, "embeddings.E010"),
        ({"alias": "a-b"}, "embeddings.E011"),
        ({"hop_seconds": 11.0}, "embeddings.E012"),
    ],
)
def test_a_spec_that_no_store_could_hold_is_refused(change: dict[str, Any], error: str) -> None:
    assert ids(spec_errors([replace(SPECS["acoustic"], **change)])) == [error]


def test_two_models_cannot_share_an_alias() -> None:
    assert ids(spec_errors([SPECS["acoustic"]] * 2)) == ["embeddings.E013"]


@pytest.mark.parametrize("schedule", ["", "0 4 * * *", "*/10 * * * *"])
def test_a_schedule_or_none_is_taken(settings: Any, schedule: str) -> None:
    settings.SYNC_SCHEDULE = schedule
    assert check_keeping() == []


@pytest.mark.parametrize("schedule", ["daily", "0 4 * *", "61 4 * * *"])
def test_what_is_no_schedule_is_refused(settings: Any, schedule: str) -> None:
    settings.SYNC_SCHEDULE = schedule
    (found,) = check_keeping()
    assert (found.id, schedule in found.msg) == ("embeddings.E007", True)


@pytest.mark.parametrize("days", [-1.0, math.nan, -math.inf])
@pytest.mark.parametrize("name", ["GONE_DAYS", "RETIRED_DAYS"])
def test_what_is_no_number_of_days_is_refused(settings: Any, name: str, days: float) -> None:
    setattr(settings, name, days)
    (found,) = check_keeping()
    assert (found.id, name in found.msg) == ("embeddings.E008", True)


@pytest.mark.parametrize("days", [0.0, 999_999.0, math.inf])
def test_any_other_number_of_days_is_taken(settings: Any, days: float) -> None:
    settings.GONE_DAYS = settings.RETIRED_DAYS = days
    assert check_keeping() == []


@pytest.mark.parametrize(
    "url", ["navidrome:4533", "ftp://host", "http://", "http://alice:secret@host", "http://host/?u=x"]
)
def test_a_navidrome_that_nobody_could_ask_is_refused(settings: Any, url: str) -> None:
    settings.NAVIDROME_URL, settings.NAVIDROME_USER, settings.NAVIDROME_PASSWORD = url, "alice", "secret"
    (found,) = check_keeping()
    assert found.id == "embeddings.E009"
    assert "secret" not in found.msg


def test_a_navidrome_without_a_user_is_refused(settings: Any) -> None:
    settings.NAVIDROME_URL = "https://music.lan/navidrome"
    (found,) = check_keeping()
    assert "NAVIDROME_USER" in found.msg
