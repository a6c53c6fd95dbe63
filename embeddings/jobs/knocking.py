"""Messages to workers: a row is the work, and a message only a knock on the door, so that none of them matters."""

import logging

import django_rq
import redis
from django.utils import timezone
from rq import Worker

from embeddings import conf
from embeddings.errors import BackendUnavailable
from embeddings.jobs.worker import EMBED
from embeddings.models import BatchJob, JobState, TrackResult

log = logging.getLogger(__name__)

RESULT_TTL = 600
FAILURE_TTL = 86_400
QUEUE_AWAY = (redis.RedisError,)
"""Also one that answers and refuses: its memory is full, or it cannot write to its disk."""


def tell_planner(job_id: int) -> None:
    """Ask a worker to plan."""
    send("control", "embeddings.jobs.tasks.plan", job_id)


def tell_sweeper() -> None:
    """Ask a worker to look at the rows."""
    send("control", "embeddings.jobs.tasks.sweep")


def tell_verifier(verification_id: int) -> None:
    """Ask a worker for an examination."""
    send("control", "embeddings.jobs.tasks.verify", verification_id)


def ask_for_turn(job_id: int) -> None:
    """Ask a worker for one turn at a job."""
    send(EMBED, "embeddings.jobs.tasks.embed_slice", job_id)


def send(queue: str, function: str, *arguments: int) -> None:
    """Ask a worker for one of the entry points in `tasks`, by its dotted path; nothing happens without a queue."""
    try:
        django_rq.get_queue(queue).enqueue(function, *arguments, result_ttl=RESULT_TTL, failure_ttl=FAILURE_TTL)
    except QUEUE_AWAY as error:
        # Idle workers look at the rows by themselves.
        log.warning("queue away, workers will find the rows by themselves reason=%s", error)


def knock(job_id: int, *, workers: int | None = None) -> None:
    """Ask workers for turns at a job, as many as could find rows; a queue that is knocked at already is left alone."""
    job = BatchJob.objects.filter(pk=job_id).first()
    if job is None or not is_claimable(job_id):
        return
    size = slice_size(job)
    try:
        waiting = len(django_rq.get_queue(EMBED))
        awake = workers or max(1, count_workers())
    except (BackendUnavailable, *QUEUE_AWAY) as error:
        log.warning("queue away, workers will find the rows by themselves job=%s reason=%s", job_id, error)
        return
    # No more rows are counted than these workers could take at once.
    due = TrackResult.objects.filter(job_id=job_id).due(timezone.now())[: size * awake].count()
    for _ in range(min(awake, -(-due // size) or 1) - waiting):
        ask_for_turn(job_id)


def is_claimable(job_id: int) -> bool:
    """Whether a worker would find anything to do in a job now."""
    runs = BatchJob.objects.filter(pk=job_id, state=JobState.RUNNING).exists()
    return runs and TrackResult.objects.claimable(job_id)


def slice_size(job: BatchJob) -> int:
    """How many operations a worker takes of a job at once."""
    return job.chosen.batch_size or conf.jobs().slice_size


def count_workers() -> int:
    """Count the workers that are awake.

    Raises:
        BackendUnavailable: the queue does not answer.

    """
    try:
        return len(Worker.all(queue=django_rq.get_queue(EMBED)))
    except QUEUE_AWAY as error:
        raise BackendUnavailable(f"The queue does not answer: {error}") from error
