"""The doctor tells workers that embed from workers that read prompts."""

from typing import Any

import django_rq
import pytest
from rq import Worker

from embedder_site.doctor import check_text_workers, check_workers


@pytest.fixture
def configured(redis_url: str, queue: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue of somebody's own, and a model that reads text."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.REDIS_URL = redis_url
    settings.MODELS = ["acoustic", "muq"]


def be_born(*names: str) -> None:
    queues = [django_rq.get_queue(name) for name in names]
    Worker(queues, connection=queues[0].connection).register_birth()  # type: ignore[no-untyped-call]


def test_a_text_worker_embeds_nothing(configured: None) -> None:
    be_born("text")
    assert (check_workers().state, check_workers().answer) == ("missing", "nobody takes work from the queue")
    (found,) = check_text_workers()
    assert (found.state, found.answer) == ("ok", "1 alive")


def test_a_worker_that_embeds_reads_no_prompts(configured: None) -> None:
    be_born("control", "embed")
    assert (check_workers().state, check_workers().answer) == ("ok", "1 alive")
    (found,) = check_text_workers()
    assert (found.state, found.answer) == ("warning", "nobody reads prompts for muq")
    assert "manage.py work --queue text" in found.advice


def test_without_a_model_that_reads_text_nobody_is_missed(configured: None, settings: Any) -> None:
    settings.MODELS = ["acoustic"]
    assert check_text_workers() == []
