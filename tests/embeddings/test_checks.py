"""What is wrong with a configuration is said before anything starts."""

from dataclasses import replace
from typing import Any

import pytest

from embeddings.checks import check_configuration, spec_errors
from embeddings.embedders import SPECS


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_shipped_configuration_is_sound() -> None:
    assert check_configuration() == []
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
