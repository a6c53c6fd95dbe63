"""RQ's entry points: they gather the collaborators, and a lost or doubled message harms nothing.

Messages carry plain ids as JSON. A row is the work; a message is a knock on the door.
"""

import logging
import traceback
from collections.abc import Callable
from datetime import datetime

import django_rq
import redis
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from rq import Worker

from embeddings import conf
from embeddings.errors import BackendUnavailable, Refused, WorkerUnfit
from embeddings.jobs.planner import plan as plan_job
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Runner
from embeddings.jobs.settling import settle
from embeddings.jobs.worker import EMBED, current_slot, end_worker, should_stop
from embeddings.library import configured_source
from embeddings.models import BatchJob, JobState, Lease, ResultState, TrackResult, WorkerState

log = logging.getLogger(__name__)

RESULT_TTL = 600
FAILURE_TTL = 86_400
QUEUE_AWAY = (redis.ConnectionError, redis.TimeoutError)


def plan(job_id: int) -> None:
    """Plan a job and knock for its slices."""
    job = BatchJob.objects.get(pk=job_id)
    try:
        source, store = configured_source(conf.library()), resident().store
        planned = plan_job(job, source=source, store=store, config=conf.models(), should_stop=should_stop)
    except (BackendUnavailable, OperationalError) as error:
        BatchJob.objects.note(job_id, f"Waiting to plan, and trying again by itself: {error}")
        log.warning("planning put off job=%s reason=%s", job_id, error)
        return
    except Refused as error:
        BatchJob.objects.mark_failed(job_id, str(error))
        log.warning("planning failed job=%s reason=%s", job_id, error)
        return
    except Exception:
        # Ours: the job says so instead of planning for ever, and RQ keeps the traceback.
        BatchJob.objects.mark_failed(job_id, f"Planning broke: {traceback.format_exc(limit=-3)}")
        raise
    if not _settled(job_id) and planned:
        knock(job_id)


def embed_slice(job_id: int) -> int:
    """Take one turn at a job; say how many operations were settled."""
    if not BatchJob.objects.filter(pk=job_id, state=JobState.RUNNING).exists():
        _settled(job_id)
        return 0
    config = conf.jobs()
    lease = Lease.take(job_id, worker=current_slot(), seconds=config.lease_seconds)
    try:
        settled = Runner(lease, resident(), slice_size=config.slice_size, should_stop=should_stop).run()
    except (OperationalError, InterfaceError) as error:
        # The database went away; leases run out by themselves, and the next sweep knocks again.
        log.warning("slice left to its lease job=%s reason=%s", job_id, error)
        return 0
    except BackendUnavailable as error:
        # The rows were given back; the next sweep knocks again.
        unfit = isinstance(error, WorkerUnfit)
        if not (unfit and _in_hand(job_id)):
            BatchJob.objects.note(job_id, f"Waiting, and trying again by itself: {error}")
        log.warning("slice given back job=%s reason=%s", job_id, error)
        if unfit:
            _pass_on(job_id)
        return 0
    except Refused as error:
        # A person has to mend it; the rows stay pending, and retrying the job goes on with them.
        BatchJob.objects.mark_failed(job_id, str(error))
        log.warning("job failed job=%s reason=%s", job_id, error)
        return 0
    except Exception:
        # Ours: tried again it would break again, so the job stops here, loudly; its rows stay as they were.
        _break_off(job_id)
        raise
    BatchJob.objects.note(job_id, "")
    if not _settled(job_id) and not should_stop() and _claimable(job_id):
        # However many messages wait: this worker's next turn needs one of its own.
        _enqueue(EMBED, embed_slice, job_id)
    return settled


def _break_off(job_id: int) -> None:
    try:
        BatchJob.objects.mark_failed(job_id, f"Embedding broke: {traceback.format_exc(limit=-3)}")
    finally:
        if resident().broken:
            # CUDA does not recover inside a program: whatever this one tried next would fail as well.
            end_worker()


def rest() -> None:
    """Look after what this worker keeps while it waits for messages."""
    if resident.cache_info().currsize:
        resident().rest()


def stands_aside() -> bool:
    """Whether this worker leaves messages that ask for embedding to the others."""
    return bool(resident.cache_info().currsize) and resident().aside


def leave() -> None:
    """Let go of everything; this worker ends."""
    if resident.cache_info().currsize:
        resident().leave()


def sweep() -> None:
    """Look at the rows and go on with whatever nobody works on; run by workers when they start and when idle."""
    job = BatchJob.objects.active().first()
    if job is None:
        return
    if job.state == JobState.PLANNING:
        if job.planning_lease is None or job.planning_lease < timezone.now():
            tell_planner(job.pk)
    elif not _settled(job.pk):
        knock(job.pk, workers=1)


def _settled(job_id: int) -> bool:
    try:
        return settle(job_id, resident().store)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # Ours: said on the job, which would otherwise stay active and silent until somebody looks into a log.
        BatchJob.objects.mark_failed(job_id, f"Finishing broke: {traceback.format_exc(limit=-3)}")
        raise


def expire_slot(slot: str, born: str) -> int:
    """End the leases that a worker's slot held before its present occupant was born."""
    WorkerState.objects.filter(updated_at__lt=datetime.fromisoformat(born)).forget(slot)
    return TrackResult.objects.expire(slot, datetime.fromisoformat(born))


def tell_planner(job_id: int) -> None:
    """Ask a worker to plan."""
    _enqueue("control", plan, job_id)


def tell_sweeper() -> None:
    """Ask a worker to look at the rows."""
    _enqueue("control", sweep)


def knock(job_id: int, *, workers: int | None = None) -> None:
    """Ask workers for turns at a job, as many as could find rows; a queue that is knocked at already is left alone."""
    if not _claimable(job_id):
        return
    pending = TrackResult.objects.filter(job_id=job_id, state=ResultState.PENDING).count()
    useful = -(-pending // conf.jobs().slice_size) or 1
    try:
        waiting = len(django_rq.get_queue(EMBED))
        wanted = min(useful, workers or max(1, count_workers()))
    except (BackendUnavailable, *QUEUE_AWAY) as error:
        log.warning("queue away, workers will find the rows by themselves job=%s reason=%s", job_id, error)
        return
    for _ in range(wanted - waiting):
        _enqueue(EMBED, embed_slice, job_id)


def _claimable(job_id: int) -> bool:
    rows = TrackResult.objects.filter(job_id=job_id, job__state=JobState.RUNNING)
    return rows.claimable(timezone.now()).exists()


def _pass_on(job_id: int) -> None:
    """Give the knock that this worker could not answer to one that can; it would else have been for nobody."""
    try:
        alone = count_workers() < 2
    except BackendUnavailable as error:
        log.warning("queue away, workers will find the rows by themselves job=%s reason=%s", job_id, error)
        return
    if not alone:
        resident().stand_aside()
        knock(job_id, workers=1)


def _in_hand(job_id: int) -> bool:
    """Whether another worker embeds: then the job does not wait, whatever keeps this one."""
    return TrackResult.objects.filter(job_id=job_id, state=ResultState.RUNNING).exists()


def _enqueue(queue: str, function: Callable[..., object], *arguments: int) -> None:
    try:
        django_rq.get_queue(queue).enqueue(function, *arguments, result_ttl=RESULT_TTL, failure_ttl=FAILURE_TTL)
    except QUEUE_AWAY as error:
        # A message is only a knock: idle workers look at the rows by themselves.
        log.warning("queue away, workers will find the rows by themselves reason=%s", error)


def count_workers() -> int:
    """Count the workers that are awake.

    Raises:
        BackendUnavailable: the queue does not answer.

    """
    try:
        return len(Worker.all(queue=django_rq.get_queue(EMBED)))
    except QUEUE_AWAY as error:
        raise BackendUnavailable(f"The queue does not answer: {error}") from error
