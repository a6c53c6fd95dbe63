"""Brings a job that has nothing left to do into its final state; safe to call at any time, by anyone."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q, QuerySet

from embeddings.embedders import get_spec
from embeddings.jobs.aftermath import call_after
from embeddings.jobs.finishing import Undecided, at_its_end, kept_finishing
from embeddings.jobs.generations import point_alias
from embeddings.jobs.promoting import bring_in
from embeddings.jobs.resident import Resident
from embeddings.models import (
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    ResultState,
    TrackResult,
)

log = logging.getLogger(__name__)


def settle(job_id: int, resident: Resident, *, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Finish the job when its last operation is settled; say whether it is finished now.

    Vectors are flushed, and what was built is verified and promoted, before a job says completed.
    That may take minutes. Others who call this meanwhile leave all of it to whoever began, unless
    that one is not heard of any more.

    Args:
        job_id: which.
        resident: the store, and what an examination needs.
        should_stop: whether this worker has to end soon; the next one goes on.

    Raises:
        BackendUnavailable: the store is away; the job stays as it is, and the next call tries again.

    """
    job = BatchJob.objects.get(pk=job_id)
    if job.state == JobState.CANCELLING:
        finished = _finish_cancel(job_id)
    elif job.state != JobState.RUNNING or TrackResult.objects.left_open(job_id).exists():
        return not job.is_active
    elif should_stop():
        # Waiting for an index alone may take minutes.
        return False
    else:
        finished = _finish_run(job, resident, should_stop)
    if finished:
        call_after(job_id, resident.store, should_stop)
    return finished


def _finish_run(job: BatchJob, resident: Resident, should_stop: Callable[[], bool]) -> bool:
    try:
        with kept_finishing(job):
            said = [_conclude(job, generation, resident, should_stop) for generation in _targets(job)]
            return _finish(job, " ".join(filter(None, said)))
    except Undecided:
        return False


@transaction.atomic
def _finish(job: BatchJob, message: str) -> bool:
    # Flushing takes a while, in which somebody may have asked for a retry: the lock orders the two.
    if not BatchJob.objects.select_for_update().filter(pk=job.pk).exists() or not at_its_end(job):
        raise Undecided
    with_errors = TrackResult.objects.filter(job=job, state=ResultState.FAILED).exists()
    log.info("job finished job=%s with_errors=%s", job.pk, with_errors)
    return BatchJob.objects.mark_completed(job.pk, with_errors=with_errors, message=message)


def _finish_cancel(job_id: int) -> bool:
    TrackResult.objects.cancel_pending(job_id)
    return not TrackResult.objects.left_open(job_id).exists() and BatchJob.objects.mark_cancelled(job_id)


def _targets(job: BatchJob) -> QuerySet[Generation]:
    """Where its vectors went; also of a job whose rows were planned before a job named them."""
    used = TrackResult.objects.filter(job=job).order_by().values("generation")
    return Generation.objects.filter(Q(pk__in=job.targets.values()) | Q(pk__in=used)).order_by("pk")


def _conclude(job: BatchJob, generation: Generation, resident: Resident, should_stop: Callable[[], bool]) -> str:
    """Flush what the job wrote, and promote what is complete; say what was not."""
    # What came before it took minutes.
    generation.refresh_from_db()
    if generation.state != GenerationState.DROPPED:
        resident.store.flush(generation.collection)
    said = bring_in(job, generation, resident, should_stop)
    point_alias(get_spec(generation.model), resident.store)
    return said
