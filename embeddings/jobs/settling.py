"""Brings a job that has nothing left to do into its final state; safe to call at any time, by anyone."""

import logging
from collections.abc import Iterator

from django.db import transaction

from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable
from embeddings.jobs.generations import point_alias, promote_complete
from embeddings.models import (
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    ResultState,
    TrackResult,
)
from embeddings.store.base import VectorStore

log = logging.getLogger(__name__)


def settle(job_id: int, store: VectorStore) -> bool:
    """Finish the job when its last operation is settled; say whether it is finished now.

    Vectors are flushed before a job says completed. When the store is away the job stays as it
    is, says so, and the next call tries again.
    """
    job = BatchJob.objects.get(pk=job_id)
    if job.state == JobState.CANCELLING:
        return _finish_cancel(job_id)
    if job.state != JobState.RUNNING or TrackResult.objects.left_open(job_id).exists():
        return not job.is_active
    try:
        message = " ".join(_finish_generations(job_id, store))
    except BackendUnavailable as error:
        BatchJob.objects.note(job_id, f"All tracks are embedded; waiting to finish: {error}")
        return False
    return _finish(job_id, message)


@transaction.atomic
def _finish(job_id: int, message: str) -> bool:
    # Flushing takes a while, in which somebody may have asked for a retry: the lock orders the two.
    job = BatchJob.objects.select_for_update().get(pk=job_id)
    if job.state != JobState.RUNNING or TrackResult.objects.left_open(job_id).exists():
        return not job.is_active
    with_errors = TrackResult.objects.filter(job_id=job_id, state=ResultState.FAILED).exists()
    log.info("job finished job=%s with_errors=%s", job_id, with_errors)
    return BatchJob.objects.mark_completed(job_id, with_errors=with_errors, message=message)


def _finish_cancel(job_id: int) -> bool:
    TrackResult.objects.cancel_pending(job_id)
    return not TrackResult.objects.left_open(job_id).exists() and BatchJob.objects.mark_cancelled(job_id)


def _finish_generations(job_id: int, store: VectorStore) -> Iterator[str]:
    """Flush what the job wrote to, and promote what is complete; say what was not."""
    used = TrackResult.objects.filter(job_id=job_id).order_by().values("generation")
    for generation in Generation.objects.filter(pk__in=used):
        spec = get_spec(generation.model)
        store.flush(generation.collection)
        if generation.state == GenerationState.BUILDING and (reason := promote_complete(spec, generation, store)):
            yield reason
        point_alias(spec, store)
