"""RQ's entry points: they gather the collaborators, and a lost or doubled message harms nothing.

Messages carry plain ids as JSON. A row is the work; a message is a knock on the door.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from embeddings import conf
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs import turns
from embeddings.jobs.context import about
from embeddings.jobs.generations import heal
from embeddings.jobs.knocking import ask_for_turn, is_claimable, knock, tell_planner, tell_verifier
from embeddings.jobs.planner import plan as plan_job
from embeddings.jobs.renewing import renew_old
from embeddings.jobs.resident import resident
from embeddings.jobs.settling import settle
from embeddings.jobs.verifying import examine
from embeddings.jobs.waiting import DATABASE_AWAY, let_wait
from embeddings.jobs.worker import end_worker, should_stop
from embeddings.library import configured_source
from embeddings.models import BatchJob, Generation, JobState, TrackResult, Verification, WorkerState
from embeddings.store.base import CollectionMissing

log = logging.getLogger(__name__)


def plan(job_id: int) -> None:
    """Plan a job and knock for its slices."""
    with about(job=job_id), _outlived("planning"):
        if _planned(job_id):
            knock(job_id)


def _planned(job_id: int) -> bool:
    job = BatchJob.objects.get(pk=job_id)
    try:
        source, store = configured_source(conf.library()), resident().store
        planned = plan_job(job, source=source, store=store, config=conf.models(), should_stop=should_stop)
    except (BackendUnavailable, *DATABASE_AWAY) as error:
        log.warning("planning put off job=%s reason=%s", job_id, error)
        let_wait(job_id, str(error))
        return False
    except Refused as error:
        BatchJob.objects.mark_failed(job_id, str(error))
        log.warning("planning failed job=%s reason=%s", job_id, error)
        return False
    except Exception:
        # Ours: the job says so instead of planning for ever, and RQ keeps the traceback.
        BatchJob.objects.mark_failed(job_id, f"Planning broke: {traceback.format_exc(limit=-3)}")
        raise
    return not _settled(job_id) and planned


def embed_slice(job_id: int) -> int:
    """Take one turn at a job; say how many operations were settled."""
    settled = 0
    with about(job=job_id), _outlived("slice"):
        resident().repay()
        job = BatchJob.objects.filter(pk=job_id, state=JobState.RUNNING).first()
        turn = turns.take_turn(job) if job else 0
        if turn is not None:
            settled = turn
            _go_on(job_id)
    return settled


def verify(verification_id: int) -> None:
    """Make an examination that was asked for, unless somebody makes it or made it."""
    with _outlived("verification"):
        asked = Verification.objects.due().filter(pk=verification_id).select_related("generation").first()
        if asked is not None:
            _examine(asked.generation)


def _examine(generation: Generation) -> None:
    lent, config = resident(), conf.verification()
    try:
        examine(
            generation,
            store=lent.store,
            resident=lent,
            config=config,
            should_stop=should_stop,
            report=lent.bulletin.say,
        )
    except BackendUnavailable as error:
        log.warning("verification put off generation=%s reason=%s", generation, error)
    finally:
        _end_if_broken()


def _end_if_broken() -> None:
    if resident.cache_info().currsize and resident().broken:
        # CUDA does not recover inside a program: whatever this one tried next would fail as well.
        end_worker()


def _go_on(job_id: int) -> None:
    """Finish the job, or see to the next turn."""
    if _settled(job_id) or should_stop() or not is_claimable(job_id):
        return
    turns.rest(job_id)
    # However many messages wait: this worker's next turn needs one of its own.
    ask_for_turn(job_id)


@contextmanager
def _outlived(what: str) -> Iterator[None]:
    """Go on living when the database goes away: rows and leases stay as they are, and the next look goes on."""
    try:
        yield
    except DATABASE_AWAY as error:
        log.warning("database away, left for later what=%s reason=%s", what, error)


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
        with _outlived("rows in hand"):
            resident().repay()
        resident().leave()


def sweep() -> None:
    """Look at the rows and go on with whatever nobody works on; run by workers when they start and when idle."""
    with _outlived("sweep"):
        if resident.cache_info().currsize:
            resident().repay()
        for asked in Verification.objects.due():
            tell_verifier(asked.pk)
        _sweep_jobs()
        # Last: whatever breaks here is loud, and has kept nobody from embedding.
        _heal()


def _heal() -> None:
    """Let aliases and dropped collections agree with their rows, and renew what an earlier version made."""
    if not Generation.objects.exists():
        return
    lent = resident()
    try:
        heal(lent.store)
        renew_old(lent.store, should_stop=should_stop, report=lent.bulletin.say)
    except BackendUnavailable as error:
        log.info("generations not looked at reason=%s", error)


def _sweep_jobs() -> None:
    job = BatchJob.objects.active().first()
    if job is None:
        return
    if job.state == JobState.PLANNING:
        if BatchJob.objects.to_be_planned(job.pk):
            tell_planner(job.pk)
        return
    if job.state == JobState.WAITING and not BatchJob.objects.mark_due(job.pk):
        return
    if not _settled(job.pk):
        knock(job.pk, workers=1)


def _settled(job_id: int) -> bool:
    try:
        return settle(job_id, resident(), should_stop=should_stop)
    except DATABASE_AWAY:
        raise
    except BackendUnavailable as error:
        log.warning("finishing put off job=%s reason=%s", job_id, error)
        let_wait(job_id, f"All tracks are embedded, and the job cannot be finished: {error}")
        return False
    except CollectionMissing as error:
        log.warning("finishing given up for planning job=%s reason=%s", job_id, error)
        turns.replan(job_id, error)
        return False
    except Exception:
        # Ours: said on the job, which would otherwise stay active and silent until somebody looks into a log.
        BatchJob.objects.mark_failed(job_id, f"Finishing broke: {traceback.format_exc(limit=-3)}")
        raise
    finally:
        _end_if_broken()


def expire_slot(slot: str, born: str) -> int:
    """End the leases that a worker's slot held before its present occupant was born."""
    WorkerState.objects.filter(updated_at__lt=datetime.fromisoformat(born)).forget(slot)
    Verification.objects.expire(slot, datetime.fromisoformat(born))
    return TrackResult.objects.expire(slot, datetime.fromisoformat(born))
