"""A worker that is stopped for longer than its lease and then goes on: it must not write over the winner."""

import os
import signal
from pathlib import Path
from random import Random

import numpy as np
import redis

from embeddings.domain import Vector
from embeddings.embedders import get_spec
from embeddings.models import BatchJob, ResultState, TrackResult
from tests.faults.stage import PATIENCE, Aftermath, Stage, finished
from tests.services import until


def stop_worker(stage: Stage, chance: Random) -> Aftermath:
    """Stop a worker; change the files it holds; let another embed them; let it go on.

    The files differ so that the two workers' vectors do; what is counted as doubled are the winner's vectors that
    were written over.
    """
    until(stage.whole, seconds=PATIENCE)
    job = stage.start_job()
    pid, slot = _catch_with_rows(stage, chance, job)
    registration = _registration(stage, pid)
    taken = list(TrackResult.objects.filter(job=job, state=ResultState.RUNNING, worker=slot).select_related("track"))
    swapped = [_swap(stage.music / row.track.path, stage.music) for row in taken]
    try:
        until(lambda: finished(job), seconds=PATIENCE)
        ids = [str(row.track_id) for row in taken]
        winners = _vectors(stage, ids)
        os.kill(pid, signal.SIGCONT)
        until(lambda: _rests(stage, registration), seconds=PATIENCE)
        after = _vectors(stage, ids)
    finally:
        os.kill(pid, signal.SIGCONT)
        for path, kept in swapped:
            kept.replace(path)
    over = sum(not np.array_equal(winners[name], after[name]) for name in ids)
    return Aftermath(job=job, doubled=over, apart=frozenset(ids))


def _catch_with_rows(stage: Stage, chance: Random, job: BatchJob) -> tuple[int, str]:
    """Stop some worker in a moment in which it holds rows."""
    slots = {pid: stage.slot(pid) for pid in stage.pids("manage.py work")}
    stage.some_moment(job, chance, last=0.4)
    caught: list[tuple[int, str]] = []

    def catch() -> bool:
        pid, slot = chance.choice(list(slots.items()))
        os.kill(pid, signal.SIGSTOP)
        if TrackResult.objects.filter(job=job, state=ResultState.RUNNING, worker=slot).exists():
            caught.append((pid, slot))
            return True
        os.kill(pid, signal.SIGCONT)
        return finished(job)

    until(catch)
    assert caught, "the job was finished before a worker could be stopped"
    return caught[0]


def _swap(path: Path, music: Path) -> tuple[Path, Path]:
    """Put another song in the place of this one; where it is, and where it was put aside."""
    aside = music.parent / "aside"
    aside.mkdir(exist_ok=True)
    others = sorted(other for other in music.rglob(f"*{path.suffix}") if other.name != path.name)
    kept = aside / f"{path.stat().st_ino}{path.suffix}"
    other = others[0].read_bytes()
    path.replace(kept)
    path.write_bytes(other)
    return path, kept


def _vectors(stage: Stage, ids: list[str]) -> dict[str, Vector]:
    store = stage.open_store()
    found = store.fetch(get_spec("acoustic").alias, ids)
    store.close()
    return found


def _registration(stage: Stage, pid: int) -> str:
    """The key under which the queue knows a worker."""
    queue = _queue(stage)
    keys = [str(key) for key in queue.smembers("rq:workers")]
    return next(key for key in keys if queue.hget(key, "pid") == str(pid))


def _rests(stage: Stage, registration: str) -> bool:
    """Whether the worker waits for a message, which it says itself."""
    return bool(_queue(stage).hget(registration, "state") == "idle")


def _queue(stage: Stage) -> redis.Redis:
    return redis.Redis.from_url(stage.addresses()["redis_url"], decode_responses=True)
