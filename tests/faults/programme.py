"""Which faults there are, in which order they are tried, and how one of them is tried and judged."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.faults import clocks, disk, killing, people, stopping
from tests.faults.stage import PATIENCE, Aftermath, Stage, finished
from tests.faults.verdict import Judge, Verdict
from tests.services import until
from tests.witness import witnessed

Deed = Callable[[Stage, Random], Aftermath]

FAULTS: dict[str, Deed] = {
    "worker killed": killing.kill_worker,
    "rebuilding worker killed": killing.kill_rebuilder,
    "web killed": killing.kill_web,
    "queue killed": killing.kill_queue,
    "queue flushed": killing.flush_queue,
    "vectors killed": killing.kill_vectors,
    "vectors frozen": killing.freeze_vectors,
    "supervisor killed": killing.kill_supervisor,
    "power cut": killing.kill_everything,
    "worker stopped beyond its lease": stopping.stop_worker,
    "clock moved": clocks.move_clock,
    "clock moved and killed": clocks.move_clock_and_kill,
    "disk full": disk.fill_disk,
    "database locked": disk.lock_database,
    "started twice": people.start_twice,
    "cancel at the end": people.cancel_at_the_end,
    "cancel anywhere": people.cancel_anywhere,
    "promote against cleanup": people.promote_against_cleanup,
}
SQLITE_ONLY = ("disk full", "database locked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fault, tried once."""

    fault: str
    state: str
    seconds: float
    verdict: Verdict


def attempt(stage: Stage, judge: Judge, fault: str, chance: Random) -> Trial:
    """Do it, wait until the job is at its end by itself, and look."""
    until(stage.ready, seconds=PATIENCE)
    judge.forget_vectors()
    witnessed()
    began = time.monotonic()
    aftermath = FAULTS[fault](stage, chance)
    # A job that is not finished by then is what the verdict speaks of.
    with suppress(TimeoutError):
        until(lambda: finished(aftermath.job), seconds=PATIENCE)
    seconds = time.monotonic() - began
    until(stage.knows_vectors, seconds=PATIENCE)
    return Trial(fault=fault, state=aftermath.job.state, seconds=seconds, verdict=judge.judge(aftermath))
