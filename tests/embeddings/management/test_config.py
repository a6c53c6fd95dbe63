"""Configuration files of jobs: what is wrong is said in sentences, all of it at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from embeddings.domain import JobOptions
from embeddings.errors import Refused
from embeddings.management.reembed.config import config_text, read_config


def written(folder: Path, fields: Any) -> Path:
    """A file that holds this."""
    file = folder / "job.json"
    file.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return file


def test_what_is_written_by_create_config_is_read_as_the_defaults(tmp_path: Path) -> None:
    read = read_config(written(tmp_path, config_text(["acoustic"], "embedding_g0001")))
    assert read.options == JobOptions()
    assert (read.source, read.target, read.models, read.scope) == ("embedding_g0001", "live", ("acoustic",), "missing")


def test_every_field_reaches_the_job(tmp_path: Path) -> None:
    fields = {
        "target": "new",
        "models": ["muq", "acoustic"],
        "batch_size": 8,
        "max_retries": 0,
        "delay_between_batches": 0.5,
        "verification": False,
        "promotion": False,
        "backup": True,
    }
    read = read_config(written(tmp_path, fields))
    assert read.scope == "all"
    assert read.options == JobOptions(
        batch_size=8, max_retries=0, delay_seconds=0.5, verify=False, promote=False, backup=True
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("{", "is not JSON"),
        ([], "has to hold one JSON object"),
        ({"bach_size": 3}, "bach_size is no field; there are source, target"),
        ({"batch_size": -1}, "batch_size has to be a whole number from 0 to 10000"),
        ({"batch_size": True}, "batch_size has to be a whole number"),
        ({"max_retries": 1.5}, "max_retries has to be a whole number"),
        ({"delay_between_batches": "1"}, "delay_between_batches has to be a number from 0 to 3600"),
        ({"verification": 1}, "verification has to be true or false"),
        ({"models": ["vggish"]}, "models names vggish; there are"),
        ({"models": "muq"}, "models has to be a list"),
        ({"scope": "some"}, "scope has to be one of missing, all"),
        ({"target": "embedding_g0004"}, "target has to be one of live, new"),
        ({"target": "new", "scope": "missing"}, "a new generation starts empty"),
        ({"selection": {"artist": "Flare"}}, "selection belongs to the scope selection"),
    ],
)
def test_what_means_nothing_is_a_sentence(tmp_path: Path, fields: Any, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        read_config(written(tmp_path, fields))


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"batch_size .* backup has to be true or false"):
        read_config(written(tmp_path, {"batch_size": "many", "backup": "yes"}))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read: No such file"):
        read_config(tmp_path / "none.json")
