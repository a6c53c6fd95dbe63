"""Waits that end early: of a job for a backend that is away, and of a worker between two slices."""

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from embeddings.models import BatchJob

FIRST_SECONDS = 2.0
CAP_SECONDS = 60.0
LOOK_SECONDS = 0.5
"""How often somebody who waits between two slices looks whether there is still a reason to."""


def backoff(outages: int, chance: random.Random) -> float:
    """Seconds until the next attempt: twice as long each time, capped, and not at the same moment for all.

    Args:
        outages: how often in a row it was in vain.
        chance: gives the share, a half at least, of the time that is waited.

    """
    return min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(outages, 16)) * chance.uniform(0.5, 1.0)


def let_wait(job_id: int, reason: str) -> bool:
    """Let a job that runs, or is planned, wait for what is away; say whether it does.

    Args:
        job_id: which.
        reason: what is away, for people.

    """
    message = f"Waiting, and trying again by itself: {reason}"
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
