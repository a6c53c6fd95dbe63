"""Lets one worker at a time finish a job, and keeps that right for it as long as it lives and works."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

from embeddings.models import BatchJob, TrackResult

FINISHING_SECONDS = 60.0
"""How long a silent worker keeps the right to finish a job; it renews it while it works."""

log = logging.getLogger(__name__)


class Undecided(Exception):
    """Another worker is at it, this one has to end, or the job is not at its end any more: look again later."""


@contextmanager
def kept_finishing(job: BatchJob, seconds: float = FINISHING_SECONDS) -> Iterator[None]:
    """Take the right to finish a job, which is renewed from a thread beside: one index may take minutes.

    Args:
        job: which; knows its finisher afterwards.
        seconds: after which silence another worker may take it over.

    Raises:
        Undecided: another worker has it.

    """
    job.finisher = BatchJob.objects.claim_finishing(job.pk, seconds)
    if not job.finisher:
        raise Undecided
    done = threading.Event()
    thread = threading.Thread(target=_keep, args=(job, seconds, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        # Where this worker has to end, or something is away, the next one need not wait for the lease.
        BatchJob.objects.renew_finishing(job.pk, job.finisher, 0.0)


def at_its_end(job: BatchJob) -> bool:
    """Whether this worker still has the right to finish the job, and nothing is left to do in it."""
    mine = BatchJob.objects.finished_by(job.pk, job.finisher).exists()
    return mine and not TrackResult.objects.left_open(job.pk).exists()


def _keep(job: BatchJob, seconds: float, done: threading.Event) -> None:
    try:
        while not done.wait(seconds / 4):
            try:
                if not BatchJob.objects.renew_finishing(job.pk, job.finisher, seconds):
                    break
            except (OperationalError, InterfaceError) as error:
                log.warning("finishing not renewed job=%s reason=%s", job.pk, error)
                # A connection does not survive a restart of the database; the next look makes another.
                connection.close()
    finally:
        connection.close()
