"""Where a job's vectors go: the generation that its planner chooses, and names on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from embeddings.domain import EmbedderSpec
from embeddings.jobs.generations import ensure_generation, open_generation, prepare
from embeddings.models import BatchJob, Generation, GenerationState, Identity, TrackResult
from embeddings.store.base import VectorStore


class Unwanted(Exception):
    """The job was cancelled while it was planned, another planner has it, or this worker has to end."""


@contextmanager
def held(job: BatchJob) -> Iterator[None]:
    """Write while nobody can cancel the job or take it over.

    Raises:
        Unwanted: somebody has.

    """
    with transaction.atomic():
        if BatchJob.objects.planned_by(job.pk, job.planner).select_for_update().first() is None:
            raise Unwanted
        yield


def choose_target(job: BatchJob, spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    """Choose the generation that a model's vectors go to, name it on the job, and let all its rows go there."""
    while True:
        choose = _rebuilt if job.rebuild else _fitting
        generation = choose(job, spec, identity, store)
        with held(job):
            # Somebody may have dropped it since it was chosen; what a job names nobody drops.
            if Generation.objects.lock_filled(generation.pk):
                _name(job, generation)
                TrackResult.objects.move(job.pk, generation)
                return generation


def _fitting(_job: BatchJob, spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    return ensure_generation(spec, identity, store)


def _rebuilt(job: BatchJob, spec: EmbedderSpec, identity: Identity, store: VectorStore) -> Generation:
    """Give the generation that this job has begun, or begin one beside the live one, where that holds anything."""
    own = Generation.objects.alike(spec, identity).filled().filter(pk=job.targets.get(spec.key)).first()
    live = Generation.objects.live(spec.key)
    if own is None and (job.complete or live is None or not live.vectors.exists()):
        return ensure_generation(spec, identity, store)
    if own is None:
        taken = store.collections()
        with held(job):
            # Together: planned again after a crash, the job goes on with what it has begun.
            own = open_generation(spec, identity, state=GenerationState.BUILDING, taken=taken)
            _name(job, own)
    prepare(spec, own, store)
    return own


def _name(job: BatchJob, generation: Generation) -> None:
    job.targets[generation.model] = generation.pk
    BatchJob.objects.filter(pk=job.pk).update(targets=job.targets)
