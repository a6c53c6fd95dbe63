"""One size of library on one database: each thing that a job does beside embedding, timed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from bench.jobs.rows import BATCH, analyse, forget, plain_rows, plain_turn, settle_below
from bench.jobs.shelf import MODELS, Shelf
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.planner import plan
from embeddings.jobs.progress import progress_of
from embeddings.jobs.resident import Resident
from embeddings.jobs.settling import settle
from embeddings.library.sync import sync
from embeddings.models import BatchJob, Done, JobState, Lease, Scope, TrackResult
from embeddings.store.memory import MemoryStore

SLICES = 40
"""Slices that are claimed and settled at each end of a job."""
CALLS = 40
"""Calls of progress."""


@dataclass(slots=True, kw_only=True)
class Measured:
    """Seconds of everything that was timed, by name; several where it was done several times."""

    operations: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    """How many operations that took, of what is done by slices."""

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the seconds that the block takes."""
        began = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def least(self, name: str) -> float:
        """The fastest."""
        return min(self.seconds[name])

    def share(self, name: str, percent: float) -> float:
        """Seconds that this share of them does not exceed."""
        return float(np.percentile(self.seconds[name], percent))

    def per_operation(self, name: str) -> float:
        """Mean milliseconds per operation of something that is done by slices."""
        return 1000 * sum(self.seconds[name]) / self.settled[name]


def measure(shelf: Shelf) -> Measured:
    """Plan, work off and keep in step a library in an empty database, with a store in memory and nothing embedded."""
    store, measured = MemoryStore(), Measured(operations=shelf.tracks * len(MODELS))
    resident = Resident(store=store, decoders=[], config=shelf.config, bulletin=Bulletin("bench"))
    sync(shelf.source)
    job = new_job()
    with measured.timing("planning"):
        planned = plan(job, source=shelf.source, store=store, config=shelf.config)
    if not planned or job.results.count() != measured.operations:
        raise RuntimeError(f"{job.results.count()} rows were planned instead of {measured.operations}")
    with measured.timing("plain rows"):
        floor = plain_rows(job)
    analyse()
    _work_off(BatchJob.objects.get(pk=job.pk), floor, measured)
    with measured.timing("finishing"):
        finished = settle(job.pk, resident)
    if not finished:
        raise RuntimeError(f"the job was not finished: {progress_of(BatchJob.objects.get(pk=job.pk))}")
    _keep_in_step(shelf, store, measured)
    return measured


def new_job() -> BatchJob:
    """A job for all that is missing."""
    return BatchJob.objects.create(scope=Scope.MISSING, model_keys=list(MODELS))


def _work_off(job: BatchJob, floor: int, measured: Measured) -> None:
    """The first slices, progress half way, and the last slices; what lies between is written at once."""
    ids = list(job.results.order_by("pk").values_list("pk", flat=True))
    # A tiny library has a quarter of itself at each end.
    slices = min(SLICES, -(-len(ids) // (4 * BATCH)))
    _turns(job, measured, "first slices", slices)
    _plain_turns(floor, measured, slices)
    settle_below(job, ids[len(ids) // 2])
    analyse()
    with _some_in_hand(job):
        for _ in range(CALLS):
            with measured.timing("progress"):
                progress_of(job)
    settle_below(job, ids[-min(slices * BATCH, len(ids))])
    analyse()
    _turns(job, measured, "last slices", slices)
    settle_below(job, ids[-1] + 1)


def _plain_turns(floor: int, measured: Measured, slices: int) -> None:
    """The floor of claiming and settling, with rows in the middle: their vectors are as new as those of a slice."""
    ids = list(TrackResult.objects.filter(job=floor).order_by("pk").values_list("pk", flat=True))
    ids = ids[len(ids) // 2 :][: slices * BATCH]
    measured.settled["plain turns"] = len(ids)
    for start in range(0, len(ids), BATCH):
        with measured.timing("plain turns"):
            plain_turn(ids[start : start + BATCH])
    forget(floor)


def _turns(job: BatchJob, measured: Measured, name: str, slices: int) -> None:
    """Claim and settle slices, as a runner does."""
    lease = Lease.take(job.pk, worker="bench", seconds=60)
    for _ in range(slices):
        with measured.timing(f"{name}, choosing"):
            generation = TrackResult.objects.next_generation(job.pk)
        if generation is None:
            raise RuntimeError("no row is left to claim")
        with measured.timing(name):
            rows = TrackResult.objects.claim(lease, model=generation.model, limit=BATCH, generation=generation.pk)
            done = [Done(result=row, seconds=1.0, audio_seconds=240.0, warning="") for row in rows]
            settled = TrackResult.objects.mark_done(lease, done)
        if settled != len(rows):
            raise RuntimeError(f"{settled} of {len(rows)} rows were settled")
        measured.settled[name] = measured.settled.get(name, 0) + settled


@contextmanager
def _some_in_hand(job: BatchJob) -> Iterator[None]:
    """Two workers have a slice in hand."""
    leases = [Lease.take(job.pk, worker=worker, seconds=60) for worker in ("attic:1", "cellar:1")]
    for lease in leases:
        TrackResult.objects.claim(lease, model=MODELS[-1], limit=BATCH)
    yield
    for lease in leases:
        TrackResult.objects.release(lease)


def _keep_in_step(shelf: Shelf, store: MemoryStore, measured: Measured) -> None:
    """Look at the library unchanged, then find an album that came."""
    for _ in range(3):
        with measured.timing("unchanged sync"):
            sync(shelf.source)
    shelf.add_album()
    job = new_job()
    with measured.timing("one new album"):
        plan(job, source=shelf.source, store=store, config=shelf.config)
    wanted, planned = 12 * len(MODELS), job.results.count()
    if planned != wanted:
        raise RuntimeError(f"{planned} rows were planned for a new album instead of {wanted}")
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
