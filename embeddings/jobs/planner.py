"""Plans a job: catalogue in step, generations in place, one row per operation that is to be done."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models import QuerySet

from embeddings.conf import ModelConfig
from embeddings.domain import EmbedderSpec
from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, CatalogueBusy, Refused
from embeddings.jobs.generations import ensure_generation
from embeddings.jobs.identity import identify
from embeddings.library.base import MusicSource
from embeddings.library.sync import sync
from embeddings.models import (
    BatchJob,
    Generation,
    Identity,
    JobState,
    Scope,
    Track,
    TrackResult,
    has_failed,
    is_current,
)
from embeddings.store.base import VectorStore

PLANNING_LEASE_SECONDS = 30.0
NOTE_SECONDS = 1.0
CHUNK = 1000

log = logging.getLogger(__name__)


def plan(job: BatchJob, *, source: MusicSource, store: VectorStore, config: ModelConfig) -> bool:
    """Write the rows of a job that is planning and start it; say whether it runs now.

    Checkpoints that are not here yet are downloaded. Planning again, after a crash or after what
    failed the job was mended, adds what is missing and doubles nothing.

    Raises:
        Refused: the source does not answer or a checkpoint is refused, which a person has to mend.
        BackendUnavailable: the store does not answer; planning can be tried again.

    """
    if not BatchJob.objects.claim_planning(job.pk, PLANNING_LEASE_SECONDS):
        return False
    try:
        with kept_planning(job.pk) as report:
            # Before any row is written: a job whose checkpoint is refused can be planned again as a whole.
            identities = {key: identify(get_spec(key), config, report) for key in job.model_keys}
            skipped = _plan_rows(job, source, store, identities)
    except Unwanted:
        return False
    except BackendUnavailable:
        BatchJob.objects.renew_planning(job.pk, 0.0)
        raise
    log.info("job planned job=%s skipped=%s", job.pk, skipped)
    started = BatchJob.objects.mark_running(job.pk, skipped=skipped)
    if not started:
        # Cancelled meanwhile: what was planned after that moment is cancelled as well.
        TrackResult.objects.cancel_pending(job.pk)
    return started


def _plan_rows(job: BatchJob, source: MusicSource, store: VectorStore, identities: dict[str, Identity]) -> int:
    store.health()
    if job.scope in {Scope.ALL, Scope.MISSING}:
        try:
            sync(source)
        except CatalogueBusy:
            raise
        except BackendUnavailable as error:
            raise Refused(str(error), code="library_unavailable") from error
    skipped = 0
    for key, identity in identities.items():
        spec = get_spec(key)
        generation = ensure_generation(spec, identity, store)
        TrackResult.objects.move_pending(job.pk, generation)
        named = _named(job)
        if job.scope == Scope.MISSING:
            skipped += named.filter(is_current(generation)).exclude(results__job=job, results__model=key).count()
        _write(job, spec, generation, _due(job, generation, named))
    return skipped


class Unwanted(Exception):
    """The job was cancelled while it was planned."""


@contextmanager
def kept_planning(job_id: int) -> Iterator[Callable[[str], None]]:
    """Renew the right to plan from a thread beside, and note on the job what is reported: downloads take minutes.

    Yields what sentences are reported to, which raises `Unwanted` once the job is not to be planned any more.
    """
    done, unwanted, said = threading.Event(), threading.Event(), [""]

    def keep() -> None:
        noted, renewed = "", time.monotonic()
        while not done.wait(NOTE_SECONDS):
            try:
                if said[0] != noted:
                    BatchJob.objects.note(job_id, noted := said[0])
                if time.monotonic() - renewed > PLANNING_LEASE_SECONDS / 4:
                    renewed = time.monotonic()
                    BatchJob.objects.renew_planning(job_id, PLANNING_LEASE_SECONDS)
                if not BatchJob.objects.filter(pk=job_id, state=JobState.PLANNING).exists():
                    unwanted.set()
            except OperationalError as error:
                log.warning("planning not renewed job=%s reason=%s", job_id, error)
        connection.close()

    def report(sentence: str) -> None:
        if unwanted.is_set():
            raise Unwanted
        said[0] = sentence

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield report
    finally:
        done.set()
        thread.join()


def _named(job: BatchJob) -> QuerySet[Track]:
    """Tracks that the job's scope names, current or not."""
    tracks = Track.objects.present()
    if job.scope == Scope.SELECTION:
        tracks = tracks.filter(**selection_conditions(job.selection))
    return tracks


FIELDS = {"library": "library_id", "artist": "artist__iexact", "album": "album__iexact", "ids": "id__in"}
"""What a selection may name, and the condition it stands for."""


def selection_conditions(selection: dict[str, Any]) -> dict[str, Any]:
    """Translate a selection into conditions on tracks."""
    return {FIELDS[name]: value for name, value in selection.items()}


def _due(job: BatchJob, generation: Generation, named: QuerySet[Track]) -> QuerySet[Track]:
    """Of the named tracks, those that the job will embed."""
    if job.scope == Scope.MISSING:
        return named.exclude(is_current(generation)).exclude(has_failed(generation, permanently=True))
    if job.scope == Scope.FAILED:
        return named.exclude(is_current(generation)).filter(has_failed(generation, permanently=False))
    return named


def _write(job: BatchJob, spec: EmbedderSpec, generation: Generation, due: QuerySet[Track]) -> None:
    ids = due.order_by("path").values_list("pk", flat=True).iterator(chunk_size=CHUNK)
    for chunk in _chunks(ids):
        rows = [TrackResult(job=job, track_id=pk, model=spec.key, generation=generation) for pk in chunk]
        TrackResult.objects.bulk_create(rows, ignore_conflicts=True)
        if not BatchJob.objects.filter(pk=job.pk, state=JobState.PLANNING).exists():
            return


def _chunks(ids: Iterator[UUID]) -> Iterator[list[UUID]]:
    while chunk := list(islice(ids, CHUNK)):
        yield chunk
