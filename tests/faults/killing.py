"""Faults that end programs, or take away what they stand on."""

import os
import signal
from random import Random

import redis

from tests.embedder_site.running import lives
from tests.faults.stage import Aftermath, Stage
from tests.services import until


def kill_worker(stage: Stage, chance: Random) -> Aftermath:
    """One of the workers is gone at once, with rows in its hands."""
    return _kill(stage, chance, "manage.py work")


def kill_rebuilder(stage: Stage, chance: Random) -> Aftermath:
    """One of the workers that fill a generation beside the live one, verify it and promote it."""
    job = stage.start_rebuild()
    stage.some_moment(job, chance, first=3, last=1.0)
    os.kill(chance.choice(stage.pids("manage.py work")), signal.SIGKILL)
    return Aftermath(job=job)


def kill_web(stage: Stage, chance: Random) -> Aftermath:
    """The web server, or the program that watches over it."""
    return _kill(stage, chance, "gunicorn")


def kill_queue(stage: Stage, chance: Random) -> Aftermath:
    """Valkey; what it had not written yet is gone."""
    return _kill(stage, chance, "valkey-server")


def kill_vectors(stage: Stage, chance: Random) -> Aftermath:
    """Milvus Lite; what it had acknowledged must be there when it is back."""
    return _kill(stage, chance, "lite_server")


def kill_supervisor(stage: Stage, chance: Random) -> Aftermath:
    """The supervisor, with which everything ends; then somebody starts it again."""
    job = stage.start_job()
    stage.some_moment(job, chance)
    stage.end(signal.SIGKILL)
    until(lambda: not stage.alive())
    stage.rise()
    return Aftermath(job=job)


def kill_everything(stage: Stage, chance: Random) -> Aftermath:
    """All at one moment, as when the power fails; then the machine boots."""
    job = stage.start_job()
    stage.some_moment(job, chance)
    stage.signal_all(list(stage.alive()), signal.SIGKILL)
    until(lambda: not stage.alive() and stage.pid_is_gone())
    stage.rise()
    return Aftermath(job=job)


def flush_queue(stage: Stage, chance: Random) -> Aftermath:
    """Every message, and every worker's registration, is forgotten."""
    job = stage.start_job()
    stage.some_moment(job, chance)
    redis.Redis.from_url(stage.addresses()["redis_url"]).flushall()
    return Aftermath(job=job)


def freeze_vectors(stage: Stage, chance: Random) -> Aftermath:
    """Milvus Lite takes calls and answers none, for longer than callers wait."""
    job = stage.start_job()
    stage.some_moment(job, chance)
    frozen, lengths = stage.pids("lite_server"), stage.log_lengths()
    stage.signal_all(frozen, signal.SIGSTOP)
    try:
        until(lambda: stage.said_in_logs("given back", lengths), seconds=120)
    finally:
        stage.signal_all(frozen, signal.SIGCONT)
    return Aftermath(job=job)


def _kill(stage: Stage, chance: Random, words: str) -> Aftermath:
    job = stage.start_job()
    stage.some_moment(job, chance)
    victim = chance.choice(stage.pids(words))
    os.kill(victim, signal.SIGKILL)
    until(lambda: not lives(victim))
    return Aftermath(job=job)
