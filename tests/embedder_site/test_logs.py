"""Logs as JSON: one object a line, with what a message names as fields, from a real worker and a real command."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder_site.env import BASE_DIR
from embedder_site.logs import JsonFormatter
from embeddings.jobs import control
from embeddings.jobs.context import about
from embeddings.models import TrackFailure
from embeddings.store.base import VectorStore
from tests.services import database_url

Program = Callable[..., "subprocess.CompletedProcess[str]"]
SHAPE = JsonFormatter()


def written(message: object, *arguments: object, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("embeddings.jobs", logging.INFO, __file__, 1, message, arguments, extra.get("exc_info"))
    line = SHAPE.format(record)
    assert "\n" not in line
    return dict(json.loads(line))


@pytest.fixture
def program(redis_url: str, milvus_uri: str, few: Path, tmp_path: Path) -> Program:
    """Run a command with JSON logs against the test's own services."""

    def run(*arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
        settings = {
            "LOG_FORMAT": "json",
            "VAR_DIR": str(tmp_path / "var"),
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url,
            "MILVUS_URI": milvus_uri,
            "MUSIC": str(few),
            "WORKER_SLOT": "slot-1",
            "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        }
        command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
        environment = os.environ | settings | extra
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.django_db(transaction=True)
def test_a_worker_writes_one_object_a_line_with_job_and_track(
    program: Program, few: Path, queue: None, store: VectorStore
) -> None:
    next(few.rglob("*.ogg")).write_text("this was a song\n" * 500)
    job = control.start_job()
    lines = [json.loads(line) for line in program("work", "--burst").stderr.splitlines()]
    assert all({"time", "level", "logger", "message", "worker"} <= set(line) for line in lines)
    found = [line for line in lines if line["message"].startswith("track failed")]
    assert len(found) == 1, lines
    failed = found[0]
    failure = TrackFailure.objects.get()
    assert (failed["job"], failed["track"], failed["model"]) == (job.pk, str(failure.track_id), "acoustic")
    assert (failed["code"], failed["worker"], failed["level"]) == ("not_audio", "slot-1", "INFO")
    (done,) = [line for line in lines if line["message"].startswith("slice done")]
    assert (done["done"], done["failed"]) == (7, 1)


@pytest.mark.django_db(transaction=True)
def test_what_ends_a_program_is_an_object_too(program: Program, queue: None) -> None:
    ended = program("work", "--burst", REDIS_URL="redis://:hush@127.0.0.1:9/0")
    assert ended.returncode == 1
    *_, last = [json.loads(line) for line in ended.stderr.splitlines()]
    assert last["level"] == "CRITICAL"
    assert "redis.exceptions.ConnectionError" in last["exception"]
    assert "hush" not in ended.stderr


def test_fields_are_read_off_the_template_and_not_off_values() -> None:
    said = written("track failed job=%s reason=%s seconds=%.1f", 7, "no=field job=8 %s", 2.25)
    assert said["message"] == "track failed job=7 reason=no=field job=8 %s seconds=2.2"
    assert {name: said[name] for name in ("job", "reason", "seconds")} == {
        "job": 7,
        "reason": "no=field job=8 %s",
        "seconds": 2.25,
    }
    assert "no" not in said


def test_a_message_says_more_than_what_was_named_around_it() -> None:
    with about(job=3, worker="w"), about(model="muq"):
        assert written("loaded model=%s", "mert")["model"] == "mert"
        said = written("loading again")
    assert (said["job"], said["worker"], said["model"]) == (3, "w", "muq")
    assert "job" not in written("nothing around")


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("100 % of nothing", ()), ("100%% of job=%d", (5,)), (ValueError("odd"), ()), ("by name %(a)s", ({"a": 1},))],
)
def test_any_message_is_written(message: object, arguments: tuple[object, ...]) -> None:
    said = written(message, *arguments)
    assert said["level"] == "INFO"
    assert said.get("job") == (5 if "job" in str(message) else None)


def test_a_field_cannot_take_the_place_of_ours() -> None:
    assert written("odd level=%s", "quiet")["level"] == "INFO"


def test_exceptions_are_written_in_full_on_the_one_line() -> None:
    try:
        int("first\nsecond")
    except ValueError:
        said = written("broke", exc_info=sys.exc_info())
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("'first\\nsecond'")


def test_passwords_in_addresses_are_hidden() -> None:
    url = "redis://user:p@ss@queue:6379/0"
    said = written("queue away url=%s", url)
    assert said["url"] == "redis://***@queue:6379/0"
    assert "p@ss" not in json.dumps(said)


def test_arrays_are_no_fields_of_numbers() -> None:
    assert isinstance(written("odd vector=%s", np.zeros(3))["vector"], str)
