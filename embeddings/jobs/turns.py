"""One worker's turn at a job: what it is given, and what becomes of job and rows when it does not end well."""

import logging
import traceback

from embeddings import conf
from embeddings.errors import BackendUnavailable, MusicAway, Refused, WorkerHung, WorkerUnfit
from embeddings.jobs import absence
from embeddings.jobs.knocking import count_workers, knock, slice_size, tell_planner
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Patience, Runner
from embeddings.jobs.waiting import DATABASE_AWAY, let_wait, plan_anew, wait
from embeddings.jobs.worker import current_slot, end_at_once, end_worker, should_stop
from embeddings.models import BatchJob, JobState, Lease, TrackResult
from embeddings.models.job import WAITING
from embeddings.store.base import CollectionMissing

LEAST_HUNG_SECONDS = 180.0
"""One batch of a slow model takes seconds, and the first of a large one on a cold device a minute."""

log = logging.getLogger(__name__)


def take_turn(job: BatchJob) -> int | None:
    """Embed; say how many operations were settled, or None when the job was given up for now.

    Raises:
        OperationalError: the database went away, and may be back; so `InterfaceError`.

    """
    lease = _lease(job)
    try:
        if job.outages:
            # What was away is asked for before anything is decoded in vain.
            resident().store.health()
        return _runner(job, lease).run()
    except DATABASE_AWAY as error:
        # Leases run out by themselves; this worker lives, and gives the rows back as soon as it can.
        resident().owed.append(lease)
        log.warning("slice left to its lease job=%s reason=%s", job.pk, error)
        # Where only writing was in vain, what follows may succeed already.
        if not TrackResult.objects.held_by_others(lease):
            let_wait(job.pk, f"The database cannot be written: {error}")
    except BackendUnavailable as error:
        # The rows were given back.
        log.warning("slice given back job=%s reason=%s", job.pk, error)
        _put_off(lease, error)
    except CollectionMissing as error:
        # The rows were given back. Whoever removed it, planning makes it anew.
        log.warning("slice given back job=%s reason=%s", job.pk, error)
        replan(job.pk, error)
    except WorkerHung as error:
        _end_hung(lease, error)
    except Refused as error:
        # A person has to mend it; the rows stay pending, and retrying the job goes on with them.
        BatchJob.objects.mark_failed(job.pk, str(error))
        log.warning("job failed job=%s reason=%s", job.pk, error)
    except Exception:
        # Ours: tried again it would break again, so the job stops here, loudly; its rows stay as they were.
        _break_off(job.pk)
        raise
    return None


def _end_hung(lease: Lease, error: WorkerHung) -> None:
    """End this worker: a thread that hangs in a driver can be neither ended nor joined; another takes its place."""
    log.error("worker ends at once job=%s reason=%s", lease.job_id, error)
    BatchJob.objects.note(lease.job_id, f"Worker {lease.worker} ended itself: {error}")
    end_at_once()


def replan(job_id: int, error: CollectionMissing) -> None:
    """Let a job whose collection is gone be planned again, at once."""
    if plan_anew(job_id, str(error)):
        tell_planner(job_id)


def rest(job_id: int) -> None:
    """Leave the machine to its other users between two slices, for as long as the job asks for."""
    seconds, bulletin = BatchJob.objects.get(pk=job_id).chosen.delay_seconds, resident().bulletin

    def goes_on() -> bool:
        bulletin.write()
        return not should_stop() and BatchJob.objects.filter(pk=job_id, state=JobState.RUNNING).exists()

    if seconds > 0:
        bulletin.say(f"Resting for {seconds:g} s between two slices")
        wait(seconds, goes_on)


def _lease(job: BatchJob) -> Lease:
    config, chosen = conf.jobs(), job.chosen.max_retries
    retries = config.max_retries if chosen is None else chosen
    return Lease.take(job.pk, worker=current_slot(), seconds=config.lease_seconds, retries=retries)


def _runner(job: BatchJob, lease: Lease) -> Runner:
    return Runner(
        lease,
        resident(),
        slice_size=slice_size(job),
        should_stop=should_stop,
        one_slice=job.chosen.delay_seconds > 0,
        patience=Patience(hung_seconds=hung_seconds(), for_music=absence.is_expected(job)),
    )


def hung_seconds() -> float:
    """After how long without any movement a worker ends itself; infinity for never.

    Decoders say by themselves when a file gives no sound for long.
    """
    said = conf.jobs().stall_seconds
    return max(said, LEAST_HUNG_SECONDS, 2 * conf.audio().stall_seconds) if said > 0 else float("inf")


def _put_off(lease: Lease, error: BackendUnavailable) -> None:
    """Let the job wait, unless others work on it: what keeps this worker need not keep them."""
    if TrackResult.objects.held_by_others(lease):
        _pass_on(lease.job_id)
    elif isinstance(error, WorkerUnfit):
        # Another worker may be fit, or come any moment; a job that waits would keep it from the rows.
        BatchJob.objects.note(lease.job_id, f"{WAITING}{error}")
        _pass_on(lease.job_id)
    else:
        if isinstance(error, MusicAway):
            absence.count_anew(lease.job_id)
        let_wait(lease.job_id, str(error))


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


def _break_off(job_id: int) -> None:
    try:
        BatchJob.objects.mark_failed(job_id, f"Embedding broke: {traceback.format_exc(limit=-3)}")
    finally:
        if resident().broken:
            # CUDA does not recover inside a program: whatever this one tried next would fail as well.
            end_worker()
