"""The schedule: RQ's own cron, which knocks for steps at their moments; it knows the queue and nothing else."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

import django_rq
from redis.client import Pipeline
from rq.cron import CronJob, CronScheduler
from rq.exceptions import DuplicateJobError, SchedulerNotFound, StopRequested
from rq.utils import now

from embeddings.conf import KeepingConfig
from embeddings.jobs.keeping import keep_in_step, look_at_navidrome
from embeddings.jobs.knocking import QUEUE_AWAY

MAKE_UP_SECONDS = 600
"""How often it is asked whether a moment was missed."""
WAIT_SECONDS = 600
"""How long a knock waits for a worker before another one may be added."""
FAILURE_SECONDS = 60
"""How long one that broke stands in the way of the next."""
AGAIN_SECONDS = 2.0

log = logging.getLogger(__name__)


class Schedule(CronScheduler):
    """RQ's scheduler, except that its messages are JSON, as ours are, and that none waits twice."""

    def enqueue_jobs(self) -> list[CronJob]:
        """Knock for what is due; RQ itself would write pickles, which our workers refuse to read."""
        due = [entry for entry in self.get_jobs() if entry.should_run()]
        for entry in due:
            knock(entry)
            entry.set_enqueue_time(now())
        return due

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        """Say goodbye to a queue that may be gone, or may have forgotten us."""
        with suppress(SchedulerNotFound, *QUEUE_AWAY):
            super().register_death(pipeline)


def knock(entry: CronJob) -> None:
    """Send the message, unless one like it waits or is worked on: two schedules are as good as one."""
    queue = django_rq.get_queue(entry.queue_name)
    kept = {"ttl": WAIT_SECONDS, "result_ttl": 0, "failure_ttl": FAILURE_SECONDS}
    with suppress(DuplicateJobError):
        queue.enqueue(entry.func_name, job_id=entry.func_name.replace(".", "-"), unique=True, **kept)


def schedule_for(config: KeepingConfig) -> Schedule:
    """Make the schedule with its entries."""
    made = Schedule(django_rq.get_connection("control"), logging_level=logging.WARNING)
    if config.schedule:
        made.register(keep_in_step, "control", cron=config.schedule)
        made.register(keep_in_step, "control", interval=MAKE_UP_SECONDS)
    if config.poll_seconds:
        made.register(look_at_navidrome, "control", interval=config.poll_seconds)
    return made


def run(config: KeepingConfig, say: Callable[[str], object]) -> None:
    """Keep to the schedule until SIGTERM; a queue that is away is waited for, and what it missed is made up for."""
    with suppress(StopRequested, KeyboardInterrupt):
        while not _kept(config, say):
            time.sleep(AGAIN_SECONDS)


def _kept(config: KeepingConfig, say: Callable[[str], object]) -> bool:
    """Keep to it until SIGTERM; false when the queue went away."""
    try:
        schedule_for(config).start()
    except QUEUE_AWAY as error:
        say(f"The queue does not answer, trying again: {error}")
        return False
    return True
