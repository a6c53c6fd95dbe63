"""Waits that end early: of a job for a backend that is away, or lost what it held, and of a worker between slices."""

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from embeddings.models import BatchJob
from embeddings.models.job import WAITING

DATABASE_AWAY = (OperationalError, InterfaceError)
"""Also where its disk is full, or others kept it locked for too long: nothing can be written, and this may pass."""
FIRST_SECONDS = 2.0
CAP_SECONDS = 60.0
MOST_LOSSES = 3
"""How often what the vector store lost is made anew for one job."""
LOOK_SECONDS = 0.5
"""How often somebody who waits between two slices looks whether there is still a reason to."""


def backoff(outages: int, chance: random.Random) -> float:
    """Seconds until the next attempt: twice as long each time, capped, and not at the same moment for all.

    Args:
        outages: how often in a row it was in vain.
        chance: gives the share, a half at least, of the time that is waited.

    """
    return min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(outages, 16)) * chance.uniform(0.5, 1.0)


def plan_anew(job_id: int, reason: str) -> bool:
    """Let a running job be planned again, which makes anew what the store lost; say whether it is to be.

    A store that goes on losing it is not filled for ever: the job fails.

    Args:
        job_id: which.
        reason: what is lost, for people.

    """
    losses = BatchJob.objects.filter(pk=job_id).values_list("losses", flat=True).first() or 0
    if losses < MOST_LOSSES:
        return BatchJob.objects.mark_to_be_planned(job_id, f"It is planned again: {reason}")
    BatchJob.objects.mark_failed(job_id, f"{reason} It was made anew {losses} times, and is gone again.")
    return False


def let_wait(job_id: int, reason: str) -> bool:
    """Let a job that runs, or is planned, wait for what is away; say whether it does.

    Args:
        job_id: which.
        reason: what is away, for people.

    """
    message = f"{WAITING}{reason}"
    outages = BatchJob.objects.filter(pk=job_id).values_list("outages", flat=True).first() or 0
    chance = random.Random()  # noqa: S311 - nobody gains by guessing it
    retry_at = timezone.now() + timedelta(seconds=backoff(outages, chance))
    jobs = BatchJob.objects
    return jobs.mark_waiting(job_id, message, retry_at) or jobs.put_off_planning(job_id, message, retry_at)


def wait(seconds: float, goes_on: Callable[[], bool]) -> None:
    """Do nothing for so long, or until there is no reason to any more."""
    ends, never = time.monotonic() + seconds, threading.Event()
    while (left := ends - time.monotonic()) > 0 and goes_on():
        never.wait(min(left, LOOK_SECONDS))
