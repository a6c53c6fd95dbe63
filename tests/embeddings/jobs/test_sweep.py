"""What a worker looks after when it is idle: jobs first, whatever else is broken; and queues that refuse to listen."""

from collections.abc import Iterator
from pathlib import Path

import django_rq
import pytest
import redis

from embeddings.domain import Actor
from embeddings.embedders import get_spec
from embeddings.jobs import control, knocking, tasks
from embeddings.jobs.resident import resident
from embeddings.jobs.settling import settle
from embeddings.models import BatchJob, Generation, JobState, ResultState, TrackResult
from embeddings.store.memory import MemoryStore

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = Actor(name="anna", door="admin")


class Odd(MemoryStore):
    """Answers nonsense when it is asked where an alias points."""

    def alias_target(self, alias: str) -> str | None:
        """Nobody foresaw this."""
        raise ValueError(alias)


@pytest.fixture
def planned(brief: Path, queue: None, store: object) -> BatchJob:
    """A job for which nobody has been knocked."""
    job = control.start_job()
    tasks.plan(job.pk)
    for name in ("control", "embed"):
        listening = django_rq.get_queue(name)
        listening.connection.delete(listening.key)
    return job


@pytest.fixture
def full(queue: None, redis_url: str) -> Iterator[None]:
    """A queue whose memory is full: it answers, and takes nothing."""
    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


def test_what_keeps_aliases_from_being_healed_is_loud_and_keeps_nobody_from_embedding(planned: BatchJob) -> None:
    resident().store = Odd()
    resident().store.create(Generation.objects.get().collection, get_spec("acoustic").dimension)
    with pytest.raises(ValueError, match="acoustic_embedding"):
        tasks.sweep()
    assert len(django_rq.get_queue("embed")) == 1


def test_a_queue_that_takes_nothing_more_keeps_nobody_from_asking(brief: Path, full: None) -> None:
    job = control.start_job(by=PERSON)
    assert job.state == JobState.PLANNING
    knocking.ask_for_turn(job.pk)
    assert len(django_rq.get_queue("control")) == len(django_rq.get_queue("embed")) == 0


def test_a_worker_that_has_to_end_leaves_finishing_to_the_next(planned: BatchJob) -> None:
    TrackResult.objects.update(state=ResultState.DONE)
    resident().store = MemoryStore()  # which has nothing to flush, and would say so
    assert not settle(planned.pk, resident(), should_stop=lambda: True)
    planned.refresh_from_db()
    assert (planned.state, planned.finisher) == (JobState.RUNNING, "")
