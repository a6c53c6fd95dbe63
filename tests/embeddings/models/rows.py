"""Rows for tests of transitions."""

from embeddings.embedders import get_spec
from embeddings.models import BatchJob, Generation, JobState, Lease, Library, Track, TrackResult

SPEC = get_spec("acoustic")


def running_job(tracks: int, *, state: str = JobState.RUNNING) -> BatchJob:
    """A job with one pending operation for each of so many new tracks."""
    library, _ = Library.objects.get_or_create(source="folder", external_id=99, name="rows", root="/music")
    generation = Generation.objects.live("acoustic") or Generation.objects.open(SPEC, state="live")
    job = BatchJob.objects.create(state=state, model_keys=["acoustic"])
    start = Track.objects.count()
    made = [Track(library=library, path=f"{n:04d}.mp3", signature="1-1") for n in range(start, start + tracks)]
    Track.objects.bulk_create(made)
    TrackResult.objects.bulk_create(
        [TrackResult(job=job, track=track, model="acoustic", generation=generation) for track in made]
    )
    return job


def lease(job: BatchJob, *, worker: str = "a", seconds: float = 60.0) -> Lease:
    """A fresh lease; negative seconds have run out already."""
    return Lease.take(job.pk, worker=worker, seconds=seconds)
