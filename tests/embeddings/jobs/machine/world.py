"""A small world in the database: a few tracks, jobs, workers with rows in hand; for random walks through states."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from embeddings import conf
from embeddings.domain import Embedding, Vector
from embeddings.embedders import get_spec
from embeddings.errors import TrackError
from embeddings.jobs import control
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.pipeline import Embedded, Unembeddable
from embeddings.jobs.planner import plan
from embeddings.jobs.recording import Recorder
from embeddings.jobs.resident import Resident
from embeddings.jobs.settling import settle
from embeddings.jobs.writer import Writer
from embeddings.library.folder import FolderSource
from embeddings.models import BatchJob, JobState, Lease, Library, ResultState, Track, TrackResult
from embeddings.store.memory import MemoryStore

TRACKS = 5
PAST = "2020-01-01T00:00Z"
SPEC = get_spec("acoustic")


@dataclass(slots=True, kw_only=True)
class Hand:
    """Rows that a worker believes to be its own."""

    lease: Lease
    rows: list[TrackResult]


@dataclass(slots=True, kw_only=True)
class World:
    """What a walk moves in."""

    library: Library
    resident: Resident
    hands: list[Hand] = field(default_factory=list)
    right: dict[str, Vector] = field(default_factory=dict)
    """The vector that a track must have in the store: of whoever settled it last."""
    made: int = 0

    @classmethod
    def create(cls) -> "World":
        """Five tracks and an empty store."""
        library = Library.objects.create(source="folder", external_id=1, name="music", root="/music")
        Track.objects.bulk_create(
            [Track(library=library, path=f"{number}.mp3", signature="1-1") for number in range(TRACKS)]
        )
        resident = Resident(store=MemoryStore(), decoders=[], config=conf.models(), bulletin=Bulletin("a"))
        return cls(library=library, resident=resident)

    def start(self) -> BatchJob:
        """Ask for a job over all tracks."""
        return control.start_job(models=[SPEC.key], scope="selection", selection={"library": self.library.pk})

    def newest(self) -> BatchJob:
        """The job that is active, or was last."""
        return BatchJob.objects.active().first() or BatchJob.objects.latest("pk")

    def plan(self) -> bool:
        """Plan the newest job, if it is to be planned."""
        return plan(
            self.newest(), source=FolderSource(Path("/music")), store=self.resident.store, config=self.resident.config
        )

    def claim(self, worker: str, limit: int) -> Hand | None:
        """Let a worker take rows."""
        lease = Lease.take(self.newest().pk, worker=worker, seconds=60.0, retries=2)
        rows = TrackResult.objects.claim(lease, model=SPEC.key, limit=limit)
        if not rows:
            return None
        self.hands.append(Hand(lease=lease, rows=rows))
        return self.hands[-1]

    def embed(self, hand: Hand, count: int) -> None:
        """Let a worker store vectors of its own making for some of the rows it believes to hold."""
        taken, hand.rows = hand.rows[:count], hand.rows[count:]
        writer = self._writer(hand)
        vectors = {row.pk: self._new_vector() for row in taken}
        for row in taken:
            writer.add(row, _embedded(row, vectors[row.pk]))
        writer.flush()
        for row in taken:
            if row.state == ResultState.DONE:
                self.right[str(row.track_id)] = vectors[row.pk]

    def fail(self, hand: Hand, error: TrackError) -> None:
        """Let a worker find that one of its tracks cannot be embedded."""
        if hand.rows:
            row, writer = hand.rows.pop(), self._writer(hand)
            writer.add(row, Unembeddable(track_id=str(row.track_id), error=error, seconds=0.1))
            writer.flush()

    def lapse(self, hand: Hand) -> None:
        """Let so much time pass for a worker that its lease is over."""
        TrackResult.objects.filter(lease=hand.lease.token).update(lease_expires=PAST)

    def wait_long(self) -> None:
        """Let the time come for all that was put off."""
        TrackResult.objects.filter(retry_at__isnull=False).update(retry_at=PAST)
        BatchJob.objects.filter(retry_at__isnull=False).update(retry_at=PAST)
        BatchJob.objects.mark_due(self.newest().pk)

    def settle(self) -> bool:
        """Look whether the newest job is at its end."""
        return settle(self.newest().pk, self.resident)

    def go_to_the_end(self) -> BatchJob:
        """Do what the sweeps of healthy workers would; nothing but a person's pause could keep them."""
        job = self.newest()
        for _ in range(20 * TRACKS):
            job.refresh_from_db()
            if not job.is_active:
                break
            self._one_sweep(job)
        return job

    def _one_sweep(self, job: BatchJob) -> None:
        self.wait_long()
        for hand in self.hands:
            self.lapse(hand)
        if job.state == JobState.PAUSED:
            control.resume_job(job)
        elif job.state == JobState.PLANNING:
            BatchJob.objects.filter(pk=job.pk).update(planning_lease=None)
            self.plan()
        elif job.state == JobState.RUNNING:
            TrackResult.objects.bury_lost(Lease.take(job.pk, worker="d", seconds=60.0))
            while taken := self.claim("d", TRACKS):
                self.embed(taken, TRACKS)
        self.settle()

    def _writer(self, hand: Hand) -> Writer:
        return Writer(hand.lease, self.resident.store, Recorder(hand.lease, TRACKS))

    def _new_vector(self) -> Vector:
        self.made += 1
        vector = np.random.default_rng(self.made).standard_normal(SPEC.dimension).astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _embedded(row: TrackResult, vector: Vector) -> Embedded:
    return Embedded(
        track_id=str(row.track_id),
        embedding=Embedding(vector=vector),
        offset=0.0,
        audio_seconds=30.0,
        seconds=0.1,
        warning="",
    )
