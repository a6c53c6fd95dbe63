"""Plans a job: catalogue in step, generations in place, one row per operation that is to be done."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef, QuerySet

from embeddings import conf
from embeddings.conf import ModelConfig
from embeddings.domain import EmbedderSpec
from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, CatalogueBusy, Refused
from embeddings.jobs.following import follow
from embeddings.jobs.generations import refuse_strange, what_changed
from embeddings.jobs.identity import identify
from embeddings.jobs.targets import Unwanted, choose_target, held
from embeddings.library.base import MusicSource
from embeddings.library.sync import is_known, sync
from embeddings.models import (
    BatchJob,
    Generation,
    Identity,
    Scope,
    Track,
    TrackResult,
    has_failed,
    is_current,
    is_due,
)
from embeddings.store.base import VectorStore

PLANNING_LEASE_SECONDS = 30.0
NOTE_SECONDS = 1.0
CHUNK = 1000

log = logging.getLogger(__name__)


def plan(
    job: BatchJob,
    *,
    source: MusicSource,
    store: VectorStore,
    config: ModelConfig,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Write the rows of a job that is planning and start it; say whether it runs now.

    Checkpoints that are not here yet are downloaded. Planning again, after a crash or after what
    failed the job was mended, adds what is missing and doubles nothing. A planner that was taken for
    dead stops, and changes nothing of what its successor does.

    Raises:
        Refused: a checkpoint is refused, the store is another one, or the source never answered; a person mends it.
        BackendUnavailable: the store or a source that we know does not answer; planning can be tried again.

    """
    planner = BatchJob.objects.claim_planning(job.pk, PLANNING_LEASE_SECONDS)
    if not planner:
        return False
    job = BatchJob.objects.get(pk=job.pk)
    try:
        with kept_planning(job, should_stop) as report:
            # Before any row is written: a job whose checkpoint is refused can be planned again as a whole.
            identities = {key: identify(get_spec(key), config, report) for key in job.model_keys}
            skipped, changes = _plan_rows(job, source, store, identities, report)
    except Unwanted:
        # Where this worker has to end, the next one need not wait for the lease.
        BatchJob.objects.renew_planning(job.pk, planner, 0.0)
        return False
    except (BackendUnavailable, Refused, IntegrityError) as error:
        # The job is not to be failed by a planner that lost it, perhaps to a race with its successor.
        again_in = 0.0 if isinstance(error, BackendUnavailable) else PLANNING_LEASE_SECONDS
        if not BatchJob.objects.renew_planning(job.pk, planner, again_in):
            return False
        raise
    log.info("job planned job=%s skipped=%s", job.pk, skipped)
    return BatchJob.objects.mark_running(job.pk, planner, skipped=skipped, message=" ".join(changes))


def _plan_rows(
    job: BatchJob,
    source: MusicSource,
    store: VectorStore,
    identities: dict[str, Identity],
    report: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Write the job's rows.

    Returns:
        How many operations were current already, and for each generation that is built beside a live
        one the sentence that says why.

    """
    store.health()
    if job.scope != Scope.ALL or job.rebuild or job.complete:
        refuse_strange(store)
    if job.scope in {Scope.ALL, Scope.MISSING} and not job.complete:
        _follow_library(source)
        # Asked between two pages, a report ends the planning of who lost the job.
        follow(store, conf.keeping(), job=job, should_stop=partial(report, "The vectors follow the catalogue."))
    skipped, changes = 0, []
    for key, identity in identities.items():
        spec = get_spec(key)
        generation = choose_target(job, spec, identity, store)
        if not job.complete:
            skipped += _add_rows(job, spec, generation)
        rows = TrackResult.objects.filter(job=job, generation=generation)
        if rows.exists() and (change := what_changed(generation)):
            log.warning("another generation is filled model=%s why=%s", key, change)
            changes.append(change)
    return (job.skipped if job.complete else skipped), changes


def _follow_library(source: MusicSource) -> None:
    """Bring the catalogue up to date.

    Raises:
        Refused: the source does not answer and never did; a person has to say where the music is.
        BackendUnavailable: it is away, such as a disk that is mounted later than this machine starts.

    """
    try:
        sync(source)
    except CatalogueBusy:
        raise
    except BackendUnavailable as error:
        if is_known(source):
            raise
        raise Refused(str(error), code="library_unavailable") from error


def _add_rows(job: BatchJob, spec: EmbedderSpec, generation: Generation) -> int:
    """Write the rows that the scope asks for; count what it names and what is current already."""
    named, skipped = _named(job), 0
    if job.scope == Scope.MISSING:
        ours = TrackResult.objects.filter(job=job, model=spec.key, track=OuterRef("pk"))
        skipped = named.filter(is_current(generation)).exclude(Exists(ours)).count()
    _write(job, spec, generation, _due(job, generation, named))
    return skipped


@contextmanager
def kept_planning(job: BatchJob, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Callable[[str], None]]:
    """Renew the right to plan from a thread beside, and note on the job what is reported: downloads take minutes.

    Yields what sentences are reported to, which raises `Unwanted` once the job is not this planner's any more.
    """
    done, unwanted, said = threading.Event(), threading.Event(), [""]

    def keep() -> None:
        noted, renewed = "", time.monotonic()
        while not done.wait(NOTE_SECONDS):
            try:
                if not BatchJob.objects.planned_by(job.pk, job.planner).exists():
                    unwanted.set()
                    break
                if said[0] != noted:
                    BatchJob.objects.note(job.pk, said[0])
                    noted = said[0]
                if time.monotonic() - renewed > PLANNING_LEASE_SECONDS / 4:
                    BatchJob.objects.renew_planning(job.pk, job.planner, PLANNING_LEASE_SECONDS)
                    renewed = time.monotonic()
            except (OperationalError, InterfaceError) as error:
                log.warning("planning not renewed job=%s reason=%s", job.pk, error)
                # A connection does not survive a restart of the database; the next second makes another.
                connection.close()
        connection.close()

    def report(sentence: str) -> None:
        if unwanted.is_set() or should_stop():
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
        return named.filter(is_due(generation))
    if job.scope == Scope.FAILED:
        return named.exclude(is_current(generation)).filter(has_failed(generation, permanently=False))
    return named


def _write(job: BatchJob, spec: EmbedderSpec, generation: Generation, due: QuerySet[Track]) -> None:
    # All of them before the first is written: SQLite refuses to write to whoever still reads what others changed since.
    ids = list(due.order_by("path").values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        rows = [TrackResult(job=job, track_id=pk, model=spec.key, generation=generation) for pk in some]
        with held(job):
            TrackResult.objects.bulk_create(rows, ignore_conflicts=True)
