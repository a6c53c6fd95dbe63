"""An RQ worker that keeps its model: it works in its own process, heartbeats meanwhile, and gives way to SIGTERM.

RQ's own workers either fork for each message, which reloads the model, or (SimpleWorker) fall
silent while they work, so that a dead one is noticed an hour later.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NoReturn

import redis
from django.conf import settings
from django.db import close_old_connections
from rq.job import Job
from rq.queue import Queue
from rq.worker import SimpleWorker
from rq.worker.base import WorkerStatus
from rq.worker_registration import REDIS_WORKER_KEYS

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 10
HEARTBEAT_TTL = 45
EMBED = "embed"
"""The queue whose messages ask for turns at a job."""
IDLE_SECONDS = 15
"""How often an idle worker looks for rows that nobody works on."""

# No Event: a second signal that arrives while one is being set would wait for a lock that its own thread holds.
_signals: list[str] = []


def should_stop() -> bool:
    """Whether this process was asked to end."""
    return bool(_signals)


def end_worker() -> None:
    """Ask this process to end as its supervisor would: rows are given back, and another takes its place."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_at_once() -> NoReturn:
    """End this process without waiting for its threads, one of which hangs."""
    logging.shutdown()
    os._exit(os.EX_SOFTWARE)


def current_slot() -> str:
    """The name under which this worker holds rows: the same again after a restart, so that it can free them."""
    return settings.WORKER_SLOT or f"{socket.gethostname()}:{os.getpid()}"


class InProcessWorker(SimpleWorker):
    """Runs messages in this process, one after the other."""

    def __init__(
        self,
        *args: Any,
        idle_seconds: int = IDLE_SECONDS,
        when_idle: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        """Take RQ's arguments; times to live are ours.

        Args:
            args: RQ's.
            idle_seconds: how long it waits for a message before it looks around.
            when_idle: called in its own thread whenever it does.
            kwargs: RQ's.

        """
        # RQ waits for a message this long minus 15 s, and then has time to look around.
        kwargs["worker_ttl"] = idle_seconds + 15
        kwargs["maintenance_interval"] = idle_seconds
        self._when_idle = when_idle
        super().__init__(*args, **kwargs)

    def get_heartbeat_ttl(self, job: Job) -> int:
        """How long a message counts as worked on after the last heartbeat."""
        return HEARTBEAT_TTL

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one message, heartbeating beside it."""
        self.prepare_execution(job)
        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(job, done), daemon=True)
        beat.start()
        # A resident process outlives its database connections.
        close_old_connections()
        try:
            self.perform_job(job, queue)
        finally:
            done.set()
            beat.join()
            close_old_connections()
        self.set_state(WorkerStatus.IDLE)

    def _beat(self, job: Job, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            try:
                self.maintain_heartbeats(job)
            except redis.exceptions.RedisError as error:
                log.warning("heartbeat failed reason=%s", error)

    def run_maintenance_tasks(self) -> None:
        """Besides RQ's own: a queue that was emptied, or lost what it had not written, is told again who works."""
        if not self.connection.sismember(REDIS_WORKER_KEYS, self.key):
            log.warning("the queue had forgotten this worker worker=%s", self.name)
            self.connection.delete(self.key)
            super().register_birth()
        super().run_maintenance_tasks()

    def handle_warm_shutdown_request(self) -> None:
        """Let the message in hand give its rows back."""
        _signals.append("stop")
        super().handle_warm_shutdown_request()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take SIGTERM for what it is, also when it comes twice: rows are given back within seconds anyway."""
        super().request_stop(signum, frame)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


class ResidentWorker(InProcessWorker):
    """Embeds: besides messages it looks for rows that nobody works on."""

    def __init__(self, *args: Any, stands_aside: Callable[[], bool] = lambda: False, **kwargs: Any) -> None:
        """Take what any worker takes.

        Args:
            args: RQ's.
            stands_aside: whether messages that ask for embedding are left to other workers for now.
            kwargs: those of `InProcessWorker`.

        """
        self._stands_aside = stands_aside
        super().__init__(*args, **kwargs)

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Wait for the next message, of the queues that this worker listens to now."""
        self._choose_queues()
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def register_birth(self) -> None:
        """Announce this worker, free what its slot's dead predecessor held, and look for work."""
        super().register_birth()
        born = datetime.now(UTC).isoformat()
        self._tell("embeddings.jobs.tasks.expire_slot", current_slot(), born)
        self._tell("embeddings.jobs.tasks.sweep")

    def run_maintenance_tasks(self) -> None:
        """Look for rows that nobody works on, besides RQ's own registries."""
        super().run_maintenance_tasks()
        self._choose_queues()
        self._tell("embeddings.jobs.tasks.sweep")
        close_old_connections()
        self._when_idle()

    def _choose_queues(self) -> None:
        # A worker that cannot do what is asked for, and has time for every message, would take them all from
        # those that can.
        aside = self._stands_aside()
        self._ordered_queues = [queue for queue in self.queues if not aside or queue.name != EMBED]

    def _tell(self, function: str, *arguments: str) -> None:
        self.queues[0].enqueue_call(function, args=arguments, result_ttl=0, failure_ttl=3600)
