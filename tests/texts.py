"""Fixtures of a model that reads words: its checkpoint, and a text worker in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from embedder_site.env import BASE_DIR
from embeddings.embedders import SPECS
from embeddings.models import Generation, GenerationState, Identity
from tests.services import until
from tests.words import WORDS, write_words


def live_generation(digest: str, *, version: int = WORDS.version, packages: str = "") -> Generation:
    """A live generation of the model, with vectors of this making."""
    identity = Identity(checkpoint=digest, packages=packages)
    return Generation.objects.open(replace(WORDS, version=version), state=GenerationState.LIVE, identity=identity)


@pytest.fixture(scope="package")
def words_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the model."""
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    return folder


@pytest.fixture
def words(words_folder: Path, redis_url: str, settings: Any) -> Iterator[Path]:
    """The model is known, nobody reads for it; its checkpoint's folder."""
    settings.CHECKPOINTS = {"words": str(words_folder)}
    _use_queue(settings, _database(redis_url, 2))
    redis.Redis.from_url(_database(redis_url, 2)).flushdb()
    SPECS["words"] = WORDS
    yield words_folder
    del SPECS["words"]


@pytest.fixture(scope="package")
def text_worker(words_folder: Path, redis_url: str) -> Iterator[Path]:
    """A worker that reads for the model, on a database of Redis that nobody empties; its log."""
    address, log = _database(redis_url, 1), words_folder / "worker.log"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        "VAR_DIR": str(words_folder / "var"),
        "REDIS_URL": address,
        "MODELS": "words",
    }
    command = [sys.executable, "-m", "tests.words", str(words_folder)]
    with log.open("wb") as file:
        worker = subprocess.Popen(command, env=environment, cwd=BASE_DIR, stdout=file, stderr=file)
    queue = redis.Redis.from_url(address)
    until(lambda: bool(queue.smembers("rq:workers:text")) or worker.poll() is not None)
    assert worker.poll() is None, log.read_text()
    yield log
    worker.terminate()
    assert worker.wait(timeout=20) == 0, log.read_text()


@pytest.fixture
def reader(words: Path, text_worker: Path, redis_url: str, settings: Any) -> Path:
    """The model is known, and a worker reads for it; its checkpoint's folder."""
    _use_queue(settings, _database(redis_url, 1))
    return words


def _database(redis_url: str, number: int) -> str:
    return f"{redis_url.rpartition('/')[0]}/{number}"


def _use_queue(settings: Any, address: str) -> None:
    settings.RQ_QUEUES = {name: config | {"URL": address} for name, config in django_settings.RQ_QUEUES.items()}
