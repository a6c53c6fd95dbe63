"""Several prompts at once: one query for those that are remembered, one message for the others, one write."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.prompts import AT_ONCE, read_prompt, read_prompts
from embeddings.models import Asked, Generation, PromptVector
from tests.services import free_port
from tests.texts import live_generation
from tests.words import read_alone, write_words

pytestmark = pytest.mark.django_db(transaction=True)
PROMPTS = ["sad slow piano", "loud", "happy folk"]


@pytest.fixture
def live(reader: Path) -> Path:
    """The model has music, made with the checkpoint that the text worker has."""
    live_generation(write_words(reader))
    return reader


def test_each_prompt_gets_its_own_vector_in_their_order(live: Path) -> None:
    read = read_prompts("words", PROMPTS)
    assert np.array_equal(read.vectors, [read_alone(prompt, live) for prompt in PROMPTS])
    assert read.vectors.dtype == np.float32
    assert (read.field, read.generation, read.failed) == ("joint", Generation.objects.live("words"), {})


def test_a_prompt_that_stands_there_twice_is_read_once(live: Path) -> None:
    read = read_prompts("words", ["loud", " loud\n", "sad"])
    assert np.array_equal(read.vectors[0], read.vectors[1])
    assert [row.prompt for row in PromptVector.objects.all()] == ["sad", "loud"]


def test_one_query_one_message_one_write(live: Path, settings: Any) -> None:
    read_prompt("words", "loud")
    before = messages(settings)
    with CaptureQueriesContext(connection) as asked:
        read_prompts("words", [f"sad {number}" for number in range(30)] + ["loud"])
    # The live generation, what is known of the prompts, what is new; the newest, and what is too long before it.
    kinds = [query["sql"].split()[0] for query in asked.captured_queries]
    assert [kind for kind in kinds if kind not in {"BEGIN", "COMMIT"}] == [
        "SELECT",
        "SELECT",
        "INSERT",
        "SELECT",
        "DELETE",
    ]
    assert messages(settings) == before + 1
    assert PromptVector.objects.count() == 31


def test_what_is_remembered_needs_no_worker(live: Path, settings: Any, django_assert_num_queries: Any) -> None:
    before = read_prompts("words", PROMPTS).vectors
    settings.RQ_QUEUES = {
        name: config | {"URL": f"redis://127.0.0.1:{free_port()}/0"} for name, config in settings.RQ_QUEUES.items()
    }
    with django_assert_num_queries(2):
        assert np.array_equal(read_prompts("words", PROMPTS[::-1]).vectors, before[::-1])
    with pytest.raises(BackendUnavailable, match="queue does not answer"):
        read_prompts("words", [*PROMPTS, "unread"])


def test_more_than_one_message_takes_are_read_in_several(live: Path, settings: Any) -> None:
    before = messages(settings)
    prompts = [f"sad {number}" for number in range(AT_ONCE + 1)]
    assert np.array_equal(read_prompts("words", prompts).vectors[-1], read_alone(prompts[-1], live))
    assert messages(settings) == before + 2


def test_what_fails_is_said_for_its_prompt(live: Path, text_worker: Path) -> None:
    """The tower refuses one, breaks on another, and one is empty."""
    read = read_prompts("words", ["unheard", "sad", "broken", " ", "loud"])
    assert np.array_equal(read.vectors[[1, 4]], [read_alone("sad", live), read_alone("loud", live)])
    assert np.isnan(read.vectors[[0, 2, 3]]).all()
    assert {place: str(error)[:20] for place, error in read.failed.items()} == {
        0: "Nobody has heard of ",
        2: "The text worker brok",
        3: "There is nothing to ",
    }
    assert "ZeroDivisionError" in text_worker.read_text()
    assert {row.prompt for row in PromptVector.objects.all()} == {"sad", "loud"}


def test_where_all_fail_the_first_says_why(live: Path) -> None:
    with pytest.raises(Refused, match="Nobody has heard") as refused:
        read_prompts("words", ["unheard", " "])
    assert refused.value.code == "words_unheard"
    with pytest.raises(Refused, match="nothing to read"):
        read_prompts("words", [" ", "\n"])


def test_own_and_trained_towers_are_told_apart() -> None:
    own = Asked(model="mert", spec_version=1, checkpoint="ab", prompt="sad")
    trained = Asked(model="mert", spec_version=1, checkpoint="ab", prompt="sad", tower="trained")
    PromptVector.objects.keep({own: np.zeros(2, np.float32), trained: np.ones(3, np.float32)})
    assert len(PromptVector.objects.known([own])[own]) == 2
    assert len(PromptVector.objects.known([trained])[trained]) == 3


def messages(settings: Any) -> int:
    """How many messages the text worker has answered."""
    queue = redis.Redis.from_url(settings.RQ_QUEUES["text"]["URL"])
    (worker,) = queue.smembers("rq:workers:text")
    return int(queue.hget(worker, "successful_job_count") or 0)
