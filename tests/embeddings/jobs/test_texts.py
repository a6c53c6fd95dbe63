"""Prompts become vectors: a real queue, and a text worker in its own process, like a user's."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django_rq
import numpy as np
import pytest
from django.db import connection, transaction
from rq import Worker
from rq.queue import Queue

from embedder_site.supervisor.services import web
from embeddings.domain import Vector
from embeddings.errors import BackendUnavailable, CheckpointRefused, NotEmbedded, Refused, UnknownEmbedder
from embeddings.jobs import texts
from embeddings.jobs.prompts import WAITING, read_prompt
from embeddings.models import Asked, Generation, PromptVector
from tests.services import free_port, until
from tests.texts import live_generation
from tests.words import read_alone, write_words

pytestmark = pytest.mark.django_db(transaction=True)


def prompt_vector(model: str, prompt: str) -> Vector:
    return read_prompt(model, prompt).vector


def encoded(digest: str, prompt: str = "sad") -> dict[str, Any]:
    (answer,) = texts.encode_prompts([asdict(Asked(model="words", spec_version=1, checkpoint=digest, prompt=prompt))])
    return answer


@pytest.fixture
def live(reader: Path) -> Path:
    """The model has music, made with the checkpoint that the text worker has."""
    live_generation(write_words(reader))
    return reader


@pytest.fixture
def towers(words: Path, tmp_path: Path, settings: Any) -> Iterator[Path]:
    """The worker's side in this process, with a checkpoint folder that is empty at first."""
    settings.CHECKPOINTS = {"words": str(tmp_path)}
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    texts.towers.cache_clear()
    yield tmp_path
    texts.towers.cache_clear()


def test_a_prompt_becomes_what_the_tower_says(live: Path) -> None:
    vector = prompt_vector("words", "sad slow piano")
    assert np.array_equal(vector, read_alone("sad slow piano", live))


def test_a_prompt_asked_again_needs_no_worker(live: Path, settings: Any) -> None:
    first = prompt_vector("words", "sad slow piano")
    _move_queue(settings, f"redis://127.0.0.1:{free_port()}/0")
    assert np.array_equal(prompt_vector("words", "  sad\n slow\tpiano "), first)
    assert [row.prompt for row in PromptVector.objects.all()] == ["sad slow piano"]


def test_a_prompt_is_answered_inside_a_transaction(live: Path) -> None:
    with transaction.atomic():
        assert prompt_vector("words", "sad").shape == (16,)


def test_the_tower_is_loaded_before_anybody_asks(text_worker: Path) -> None:
    until(lambda: "text tower loaded model=words" in text_worker.read_text())


def test_music_of_another_checkpoint_is_refused(reader: Path) -> None:
    live_generation("ab" * 32)
    with pytest.raises(CheckpointRefused, match=r"embedded with the checkpoint abababababab: a text can only"):
        prompt_vector("words", "sad")
    assert not PromptVector.objects.exists()


@pytest.mark.parametrize(
    ("making", "difference"),
    [
        ({"version": 99}, "version 1 instead of 99 for the model words"),
        ({"packages": "numpy 0.1"}, "packages none instead of numpy 0.1 for the model words"),
    ],
)
def test_music_of_another_making_is_refused(live: Path, making: dict[str, Any], difference: str) -> None:
    """Though its checkpoint is the same, and the prompt remembered for music of this making."""
    read_prompt("words", "sad")
    Generation.objects.all().delete()
    live_generation(write_words(live), **making)
    with pytest.raises(BackendUnavailable, match=difference):
        read_prompt("words", "sad")
    assert PromptVector.objects.count() == 1


def test_a_prompt_is_read_for_the_generation_that_is_live(live: Path) -> None:
    assert read_prompt("words", "sad").generation == Generation.objects.live("words")


def test_what_the_tower_refuses_is_refused_here_with_its_code(live: Path) -> None:
    with pytest.raises(Refused, match="Nobody has heard of this") as refused:
        prompt_vector("words", "unheard")
    assert refused.value.code == "words_unheard"


def test_a_tower_that_breaks_is_no_end_of_its_worker(live: Path, text_worker: Path) -> None:
    with pytest.raises(BackendUnavailable, match="broke on this prompt"):
        prompt_vector("words", "broken")
    assert "ZeroDivisionError" in text_worker.read_text()
    assert prompt_vector("words", "whole").shape == (16,)


def test_without_a_worker_it_is_said_at_once_how_to_start_one(words: Path) -> None:
    live_generation(write_words(words))
    began = time.monotonic()
    with pytest.raises(BackendUnavailable, match=r"No text worker is running; start one: manage\.py work --queue text"):
        prompt_vector("words", "sad")
    assert time.monotonic() - began < 3


def test_a_worker_that_does_not_answer_is_waited_for_as_long_as_configured(words: Path, settings: Any) -> None:
    """Longer than the five seconds after which the client would give up a silent server."""
    settings.TEXT_TIMEOUT_SECONDS = 6
    live_generation(write_words(words))
    queue = django_rq.get_queue("text")
    Worker([queue], connection=queue.connection).register_birth()  # type: ignore[no-untyped-call]
    with pytest.raises(BackendUnavailable, match="No text worker answered within 6 seconds"):
        prompt_vector("words", "sad")
    until(lambda: all(job is None for job in map(queue.fetch_job, queue.get_job_ids())), seconds=5)


def test_the_pages_go_on_while_prompts_wait(towers: Path) -> None:
    live_generation(write_words(towers))
    queue = django_rq.get_queue("text")
    Worker([queue], connection=queue.connection).register_birth()  # type: ignore[no-untyped-call]
    with ThreadPoolExecutor() as visitors:
        waiting = [visitors.submit(ask_alone, f"sad {number}") for number in range(WAITING)]
        until(lambda: len(queue) == WAITING)
        with pytest.raises(BackendUnavailable, match="4 prompts wait for the text worker already; ask again"):
            read_prompt("words", "one too many")
        assert len(queue) == WAITING
        assert [vector.shape for vector in answered(queue, waiting)] == [(16,)] * WAITING
        later = visitors.submit(ask_alone, "one too many")
        until(lambda: len(queue) == 1)
        assert answered(queue, [later])[0].shape == (16,)


def test_half_of_the_threads_of_the_web_server_may_wait() -> None:
    command = web("127.0.0.1", 9002).command
    assert int(command[command.index("--threads") + 1]) == 2 * WAITING


def test_a_queue_that_is_away_is_said_to_be_away(words: Path, settings: Any) -> None:
    live_generation(write_words(words))
    _move_queue(settings, f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(BackendUnavailable, match="The queue does not answer"):
        prompt_vector("words", "sad")


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("", "prompt_empty"), (" \n", "prompt_empty"), ("a\0b", "bad_prompt"), ("\udc80", "bad_prompt")],
)
def test_what_nobody_can_read_is_refused(words: Path, prompt: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        prompt_vector("words", prompt)
    assert refused.value.code == code


def test_prompts_are_as_long_as_can_be_kept(live: Path) -> None:
    assert prompt_vector("words", "ä" * 2000).shape == (16,)
    with pytest.raises(Refused, match="2,000 characters, not 2,001"):
        prompt_vector("words", "ä" * 2001)


def test_models_without_text_or_music_say_so(words: Path) -> None:
    with pytest.raises(Refused, match="acoustic knows no text; ask muq") as refused:
        prompt_vector("acoustic", "sad")
    assert refused.value.code == "no_text"
    with pytest.raises(NotEmbedded, match="Nothing was embedded with words yet"):
        prompt_vector("words", "sad")
    with pytest.raises(UnknownEmbedder):
        prompt_vector("unheard", "sad")


def test_a_missing_checkpoint_is_refused_until_it_is_there(towers: Path) -> None:
    digest = write_words(towers)
    (towers / "words.json").unlink()
    answer = encoded(digest)
    assert answer["code"] == "checkpoint_refused"
    assert "words.json" in answer["refused"]
    write_words(towers)
    assert encoded(digest).keys() == {"vector"}


def test_an_exchanged_checkpoint_is_loaded_when_the_music_is_of_it(towers: Path) -> None:
    old = write_words(towers, seed=1)
    before = encoded(old)
    new = write_words(towers, seed=22)
    assert encoded(old) == before
    after = encoded(new)
    assert after.keys() == {"vector"}
    assert after != before
    assert encoded(old)["code"] == "checkpoint_refused"


def _move_queue(settings: Any, address: str) -> None:
    settings.RQ_QUEUES = {name: config | {"URL": address} for name, config in settings.RQ_QUEUES.items()}


def ask_alone(prompt: str) -> Vector:
    """Ask as a thread of the web server does."""
    try:
        return read_prompt("words", prompt).vector
    finally:
        connection.close()


def answered(queue: Queue, waiting: list[Future[Vector]]) -> list[Vector]:
    """Read what waits in the queue, as a text worker does."""
    worker = texts.TextWorker([queue], connection=queue.connection, serializer=queue.serializer)
    worker.work(burst=True, logging_level="WARNING")
    return [future.result() for future in waiting]
