"""A text tower trained for MERT's vectors answers prompts: its checkpoint on disk, a text worker like a user's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import torch

from embedder_site.env import BASE_DIR
from embeddings.embedders import get_spec, load_trained_encoder
from embeddings.errors import BackendUnavailable, CheckpointRefused, NotEmbedded, Refused
from embeddings.jobs.prompts import read_prompt, read_prompts, trained_available
from embeddings.models import Generation, GenerationState, Identity, PromptVector
from tests.checkpoints.trained import TEXT_MODEL, trainee, write_trained
from tests.services import free_port, until

pytestmark = pytest.mark.django_db(transaction=True)
MERT = get_spec("mert")
PROMPTS = ["upbeat rock music", "relaxing jazz piano, no vocals"]
EMBEDDED_WITH = Identity(checkpoint="ab" * 32, packages="transformers 1.0", precision="float32")
"""Of no matter: what was trained apart from the music asks for nothing of it but the form of its vectors."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("trained")
    write_trained(made, trainee("mert", 76_800, lora=True))
    return made


@pytest.fixture(scope="module")
def text_log(folder: Path, redis_url: str) -> Iterator[Path]:
    """A text worker that knows the folder; its log."""
    address, log = f"{redis_url.rpartition('/')[0]}/5", folder.parent / "trained-worker.log"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        "VAR_DIR": str(folder.parent / "trained-var"),
        "REDIS_URL": address,
        "MODELS": "acoustic,mert",
        "TEXT_CHECKPOINT_DIR": str(folder),
        "TEXT_TIMEOUT_SECONDS": "60",
    }
    with log.open("wb") as file:
        command = [sys.executable, "manage.py", "work", "--queue", "text"]
        worker = subprocess.Popen(command, env=environment, cwd=BASE_DIR, stdout=file, stderr=file)
    queue = redis.Redis.from_url(address)
    until(lambda: bool(queue.smembers("rq:workers:text")) or worker.poll() is not None)
    assert worker.poll() is None, log.read_text()
    yield log
    worker.terminate()
    assert worker.wait(timeout=20) == 0, log.read_text()


@pytest.fixture
def trained(folder: Path, text_log: Path, redis_url: str, settings: Any) -> Path:
    """The folder is configured here too, and there is music."""
    settings.TEXT_CHECKPOINT_DIR = str(folder)
    address = f"{redis_url.rpartition('/')[0]}/5"
    settings.RQ_QUEUES = {name: config | {"URL": address} for name, config in settings.RQ_QUEUES.items()}
    settings.TEXT_TIMEOUT_SECONDS = 60
    Generation.objects.open(MERT, state=GenerationState.LIVE, identity=EMBEDDED_WITH)
    return folder


def test_prompts_become_vectors_of_the_models_own_field(trained: Path) -> None:
    read = read_prompts("mert", PROMPTS, tower="trained")
    alone = load_trained_encoder(MERT, trained)
    assert read.vectors.shape == (2, MERT.dimension)
    assert np.abs(read.vectors - [alone.encode(prompt) for prompt in PROMPTS]).max() < 1e-5
    assert (read.field, read.generation, read.failed) == ("embedding", Generation.objects.live("mert"), {})


def test_the_tower_is_loaded_before_anybody_asks(text_log: Path) -> None:
    until(lambda: "text tower loaded model=mert tower=trained" in text_log.read_text())


def test_a_prompt_asked_again_needs_no_worker(trained: Path, settings: Any) -> None:
    first = read_prompt("mert", PROMPTS[0], tower="trained")
    settings.RQ_QUEUES = {
        name: config | {"URL": f"redis://127.0.0.1:{free_port()}/0"} for name, config in settings.RQ_QUEUES.items()
    }
    again = read_prompt("mert", PROMPTS[0], tower="trained")
    assert np.array_equal(again.vector, first.vector)
    assert again.field == "embedding"


def test_another_checkpoint_here_than_there_is_refused(trained: Path, tmp_path: Path, settings: Any) -> None:
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    write_trained(tmp_path, trainee("mert", 76_800))
    with pytest.raises(CheckpointRefused, match="give both the same TEXT_CHECKPOINT_DIR"):
        read_prompt("mert", PROMPTS[0], tower="trained")
    assert not PromptVector.objects.exists()


def test_vectors_of_another_version_are_another_space(trained: Path) -> None:
    Generation.objects.update(spec_version=99)
    with pytest.raises(BackendUnavailable, match="version 1 instead of 99 for the model mert"):
        read_prompt("mert", PROMPTS[0], tower="trained")


def test_a_damaged_checkpoint_is_refused_with_what_is_wrong(trained: Path) -> None:
    (trained / "latent_best_r1.pt").write_bytes(b"half a file")
    Generation.objects.open(get_spec("latent"), state=GenerationState.LIVE)
    with pytest.raises(CheckpointRefused, match=r"latent_best_r1\.pt"):
        read_prompt("latent", PROMPTS[0], tower="trained")
    # Mended, it is read without starting the worker again.
    write_trained(trained, trainee("latent", 576))
    assert read_prompt("latent", PROMPTS[0], tower="trained").vector.shape == (576,)
    (trained / "latent_best_r1.pt").unlink()


def test_without_a_checkpoint_it_is_said_what_is_missing(trained: Path, settings: Any) -> None:
    assert [trained_available(model) for model in ("mert", "latent", "acoustic")] == [True, False, False]
    with pytest.raises(Refused, match=r"for the model acoustic: there is no .*/acoustic_best_r1\.pt") as refused:
        read_prompt("acoustic", PROMPTS[0], tower="trained")
    assert refused.value.code == "no_text"
    settings.TEXT_CHECKPOINT_DIR = ""
    assert not trained_available("mert")
    with pytest.raises(Refused, match="TEXT_CHECKPOINT_DIR is not set"):
        read_prompt("mert", PROMPTS[0], tower="trained")


def test_without_music_there_is_nothing_to_compare_with(trained: Path) -> None:
    Generation.objects.all().delete()
    with pytest.raises(NotEmbedded, match="Nothing was embedded with mert yet"):
        read_prompt("mert", PROMPTS[0], tower="trained")


def test_the_text_model_is_part_of_what_a_vector_depends_on(trained: Path) -> None:
    tokenizer = trained / TEXT_MODEL / "tokenizer.json"
    first = read_prompt("mert", PROMPTS[0], tower="trained").vector
    described = tokenizer.read_text()
    tokenizer.write_text(described)
    assert np.array_equal(read_prompt("mert", PROMPTS[0], tower="trained").vector, first)
    assert PromptVector.objects.count() == 1
    tokenizer.write_text(described.replace('"upbeat":', '"downbeat":'))
    assert not np.array_equal(read_prompt("mert", PROMPTS[0], tower="trained").vector, first)
    tokenizer.write_text(described)
