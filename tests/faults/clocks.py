"""Faults of the clock: one of three workers finds itself in another time, in the middle of a job."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import redis

from embeddings.models import BatchJob, ResultState, TrackResult
from tests.embedder_site.running import BASE_DIR
from tests.faults.stage import PATIENCE, Aftermath, Stage, finished
from tests.services import until

MINUTES = (1.0, 50.0)
"""Far more than a lease; beyond an hour, workers of different clocks take each other's for broken."""
SLOT = "moved"


def move_clock(stage: Stage, chance: Random, *, killed: bool = False) -> Aftermath:
    """Move one worker's clock by minutes, in either direction; it may be killed soon after."""
    with _worker(stage, chance.choice([-60.0, 60.0]) * chance.uniform(*MINUTES)) as worker:
        job = stage.start_job()
        until(lambda: _holds(job) or finished(job), seconds=PATIENCE)
        worker.send_signal(signal.SIGUSR1)
        before = TrackResult.objects.filter(job=job, worker=SLOT).count()
        until(lambda: TrackResult.objects.filter(job=job, worker=SLOT).count() > before or finished(job))
        if killed:
            worker.kill()
            worker.wait(10)
            with _worker(stage, 0.0):
                until(lambda: finished(job), seconds=PATIENCE)
        until(lambda: finished(job), seconds=PATIENCE)
    return Aftermath(job=job)


def move_clock_and_kill(stage: Stage, chance: Random) -> Aftermath:
    """The worker with the wrong clock dies; its successor's clock is right."""
    return move_clock(stage, chance, killed=True)


def _holds(job: BatchJob) -> bool:
    return TrackResult.objects.filter(job=job, state=ResultState.RUNNING, worker=SLOT).exists()


@contextmanager
def _worker(stage: Stage, seconds: float) -> Iterator["subprocess.Popen[bytes]"]:
    """A third worker, as on another machine, that is ready when this begins and gone when it ends."""
    command = [sys.executable, "-m", "tests.faults.clock", str(seconds)]
    with (stage.var_dir / "log" / "moved.log").open("ab") as log:
        worker = subprocess.Popen(
            command, env=stage.environment(WORKER_SLOT=SLOT), cwd=BASE_DIR, stdout=log, stderr=log
        )
    try:
        until(lambda: _registered(stage, worker.pid) or worker.poll() is not None)
        yield worker
    finally:
        with_grace(worker)


def with_grace(worker: "subprocess.Popen[bytes]") -> None:
    """End a worker politely."""
    if worker.poll() is None:
        os.kill(worker.pid, signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(10)


def _registered(stage: Stage, pid: int) -> bool:
    queue = redis.Redis.from_url(stage.addresses()["redis_url"], decode_responses=True)
    return any(queue.hget(str(key), "pid") == str(pid) for key in queue.smembers("rq:workers"))
