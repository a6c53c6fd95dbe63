"""Brings a job that has nothing left to do into its final state; safe to call at any time, by anyone."""

import logging

from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable
from embeddings.jobs.generations import finish_generations, promote
from embeddings.models import BatchJob, Generation, JobState, ResultState, Track, TrackResult, has_failed, is_current
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
    if job.state != JobState.RUNNING or _open(job_id):
        return not job.is_active
    try:
        for generation in finish_generations(job_id, store):
            if _covers_catalogue(generation):
                promote(get_spec(generation.model), generation, store)
    except BackendUnavailable as error:
        BatchJob.objects.note(job_id, f"All tracks are embedded; waiting to finish: {error}")
        return False
    with_errors = TrackResult.objects.filter(job_id=job_id, state=ResultState.FAILED).exists()
    finished = BatchJob.objects.mark_completed(job_id, with_errors=with_errors)
    log.info("job finished job=%s with_errors=%s", job_id, with_errors)
    return finished


def _finish_cancel(job_id: int) -> bool:
    TrackResult.objects.cancel_pending(job_id)
    return not _open(job_id) and BatchJob.objects.mark_cancelled(job_id)


def _open(job_id: int) -> bool:
    open_states = [ResultState.PENDING, ResultState.RUNNING]
    return TrackResult.objects.filter(job_id=job_id, state__in=open_states).exists()


def _covers_catalogue(generation: Generation) -> bool:
    """Whether every present track is in it, or failed for good: searches lose nothing by the switch."""
    tracks = Track.objects.present()
    return not tracks.exclude(is_current(generation)).exclude(has_failed(generation, permanently=False)).exists()
