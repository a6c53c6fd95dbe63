"""Backends that are away: the job waits, says for what, and goes on by itself; no track pays for it."""

import random
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.db import connection

from embeddings.conf import StoreConfig
from embeddings.embedders import get_spec
from embeddings.jobs import control, tasks
from embeddings.jobs.resident import resident
from embeddings.jobs.waiting import CAP_SECONDS, FIRST_SECONDS, backoff, wait
from embeddings.models import BatchJob, JobState, Lease, ResultState, TrackResult
from embeddings.store import connect
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.brief import TRACKS
from tests.embeddings.models.rows import lease, running_job
from tests.services import free_port

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
WAITING = "Waiting, and trying again by itself: "
PAST = "2020-01-01T00:00Z"
CAP = timedelta(seconds=CAP_SECONDS)
ALIAS = get_spec("acoustic").alias


class Switch:
    """Turns the vector store off and on, as this worker sees it."""

    def __init__(self, there: VectorStore) -> None:
        self._there = there

    def off(self) -> None:
        """Nobody listens any more."""
        address = f"http://127.0.0.1:{free_port()}"
        resident().store = connect(StoreConfig(uri=address, token="", timeout_seconds=0.3))

    def on(self) -> None:
        """It is back."""
        resident().store = self._there


@pytest.fixture
def switch(brief: Path, store: VectorStore, queue: None) -> Switch:
    """A store that can be turned off."""
    return Switch(store)


def planned() -> BatchJob:
    """A job of four operations for which nobody has been knocked."""
    job = control.start_job()
    tasks.plan(job.pk)
    forget_messages()
    return now(job)


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def forget_messages() -> None:
    for name in ("control", "embed"):
        queue = django_rq.get_queue(name)
        queue.connection.delete(queue.key)


def messages() -> list[int]:
    return [len(django_rq.get_queue(name)) for name in ("control", "embed")]


def due_now() -> None:
    BatchJob.objects.update(retry_at=PAST)


def states() -> set[str]:
    return set(TrackResult.objects.values_list("state", flat=True))


def test_each_wait_is_up_to_twice_as_long_and_none_longer_than_a_minute() -> None:
    chance = random.Random(1)
    for outages in range(40):
        whole = min(CAP_SECONDS, FIRST_SECONDS * 2**outages)
        assert whole / 2 <= backoff(outages, chance) <= whole
    assert len({backoff(3, chance) for _ in range(9)}) == 9


def test_a_job_whose_store_goes_away_waits_and_goes_on_when_it_is_back(switch: Switch, work: Work) -> None:
    job = planned()
    switch.off()
    assert tasks.embed_slice(job.pk) == 0
    assert (now(job).state, job.outages) == (JobState.WAITING, 1)
    assert job.message.startswith(f"{WAITING}The vector store at http://127.0.0.1:")
    assert job.retry_at is not None
    assert 0 < (job.retry_at - datetime.now(UTC)).total_seconds() <= FIRST_SECONDS
    assert set(TrackResult.objects.values_list("state", "attempts", "lost")) == {(ResultState.PENDING, 0, 0)}
    due_now()
    tasks.sweep()
    assert (now(job).state, messages()) == (JobState.RUNNING, [0, 1])
    switch.on()
    work()
    assert (now(job).state, job.message, job.outages) == (JobState.COMPLETED, "", 0)
    assert resident().store.count(ALIAS) == TRACKS


def test_nothing_is_decoded_before_the_store_has_answered(switch: Switch) -> None:
    job = planned()
    BatchJob.objects.update(outages=1)
    switch.off()
    tasks.embed_slice(job.pk)
    assert (now(job).state, job.outages) == (JobState.WAITING, 2)
    assert not TrackResult.objects.filter(started_at__isnull=False).exists()


def test_nobody_looks_before_it_is_time(switch: Switch) -> None:
    job = planned()
    BatchJob.objects.mark_waiting(job.pk, "away", datetime.now(UTC) + CAP)
    tasks.sweep()
    tasks.embed_slice(job.pk)
    assert (now(job).state, messages(), states()) == (JobState.WAITING, [0, 0], {ResultState.PENDING})


def test_a_store_that_is_away_when_all_is_embedded_puts_off_the_end(switch: Switch) -> None:
    job = planned()
    TrackResult.objects.update(state=ResultState.DONE)
    switch.off()
    tasks.sweep()
    assert now(job).state == JobState.WAITING
    assert job.message.startswith(f"{WAITING}All tracks are embedded, and the job cannot be finished: ")
    switch.on()
    due_now()
    tasks.sweep()
    assert now(job).state == JobState.COMPLETED


def test_planning_is_put_off_and_nobody_plans_before_it_is_time(switch: Switch) -> None:
    job = control.start_job()
    switch.off()
    tasks.plan(job.pk)
    forget_messages()
    tasks.sweep()
    assert (now(job).state, job.outages, messages()) == (JobState.PLANNING, 1, [0, 0])
    due_now()
    tasks.sweep()
    assert messages() == [1, 0]
    switch.on()
    tasks.plan(job.pk)
    assert (now(job).state, job.outages, job.retry_at) == (JobState.RUNNING, 0, None)


def test_one_worker_without_a_store_does_not_stop_the_others(switch: Switch) -> None:
    job = planned()
    other = Lease.take(job.pk, worker="b", seconds=60.0)
    TrackResult.objects.claim(other, model="acoustic", limit=2)
    BatchJob.objects.update(outages=1)
    switch.off()
    tasks.embed_slice(job.pk)
    assert (now(job).state, job.outages) == (JobState.RUNNING, 1)
    TrackResult.objects.release(other)
    tasks.embed_slice(job.pk)
    assert now(job).state == JobState.WAITING


def test_a_person_stops_and_starts_what_waits(switch: Switch) -> None:
    job = planned()
    BatchJob.objects.mark_waiting(job.pk, "away", datetime.now(UTC) + CAP)
    control.pause_job(now(job))
    assert now(job).state == JobState.PAUSED
    control.resume_job(job)
    BatchJob.objects.mark_waiting(job.pk, "away", datetime.now(UTC) + CAP)
    control.resume_job(job)
    assert (now(job).state, messages()) == (JobState.RUNNING, [2, 0])


def test_what_waits_is_cancelled_at_once(switch: Switch) -> None:
    job = planned()
    BatchJob.objects.mark_waiting(job.pk, "away", datetime.now(UTC) + CAP)
    control.cancel_job(job)
    assert (now(job).state, states()) == (JobState.CANCELLED, {ResultState.CANCELLED})


class Locked(MemoryStore):
    """A store beside which somebody locks the database while the first vectors are written."""

    def __init__(self, lock: Callable[[], object]) -> None:
        super().__init__()
        self._to_lock = [lock]

    def upsert(self, *arguments: Any) -> None:
        super().upsert(*arguments)
        while self._to_lock:
            self._to_lock.pop()()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a whole database is locked by its writers only in SQLite")
def test_a_locked_database_is_outlived_and_costs_no_attempt(brief: Path, queue: None, store: VectorStore) -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    resident().store = Locked(lambda: other.execute("BEGIN IMMEDIATE"))
    job = planned()
    connection.cursor().execute("PRAGMA busy_timeout=50")
    assert tasks.embed_slice(job.pk) == 0
    assert ResultState.RUNNING in states()
    tasks.sweep()
    other.execute("ROLLBACK")
    tasks.sweep()
    assert set(TrackResult.objects.values_list("state", "lost", "attempts")) == {(ResultState.PENDING, 0, 0)}
    assert (now(job).state, messages()) == (JobState.RUNNING, [0, 1])
    assert tasks.embed_slice(job.pk) == TRACKS
    assert states() == {ResultState.DONE}


def test_a_wait_ends_when_there_is_no_reason_for_it_any_more() -> None:
    began, looks = time.monotonic(), iter([True, False])
    wait(60.0, lambda: next(looks))
    assert time.monotonic() - began < 30.0


def test_only_tracks_that_were_heard_lately_are_held_by_others() -> None:
    job = running_job(2)
    mine, other = lease(job), lease(job, worker="b", seconds=-1)
    TrackResult.objects.claim(mine, model="acoustic", limit=1)
    TrackResult.objects.claim(other, model="acoustic", limit=1)
    assert not TrackResult.objects.held_by_others(mine)
    TrackResult.objects.renew(Lease(job_id=job.pk, worker="b", seconds=60.0, token=other.token))
    assert TrackResult.objects.held_by_others(mine)
    # What a clock wrote that ran ahead by years can be claimed, and is in nobody's hand.
    TrackResult.objects.renew(Lease(job_id=job.pk, worker="b", seconds=1e8, token=other.token))
    assert not TrackResult.objects.held_by_others(mine)
