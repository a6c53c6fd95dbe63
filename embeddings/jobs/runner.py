"""Embeds slices of a job: claims rows, runs the pipeline, stores vectors, then writes the rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from embeddings.domain import EmbedderSpec, TrackRef
from embeddings.embedders import get_spec
from embeddings.jobs.pipeline import Outcome, Pipeline
from embeddings.jobs.resident import Resident
from embeddings.jobs.writer import Writer
from embeddings.models import LOST_ALONE, BatchJob, JobState, Lease, TrackResult

LOOK_SECONDS = 1.0
"""How often a running slice looks whether its job still runs."""
TURN_SECONDS = 120.0
"""How long a worker embeds before other messages have their turn."""
GRACE_SECONDS = 4.0
"""How long a worker that has to end waits for the tracks in hand before it gives them back."""


class Runner:
    """One worker's turn at one job."""

    def __init__(self, lease: Lease, resident: Resident, *, slice_size: int, should_stop: Callable[[], bool]) -> None:
        """Prepare a turn; `should_stop` says that this worker has to end soon."""
        self._lease = lease
        self._resident = resident
        self._slice_size = slice_size
        self._should_stop = should_stop
        self._rows: dict[str, TrackResult] = {}
        self._turn_ends = time.monotonic() + TURN_SECONDS
        self._renewed = time.monotonic()
        self._looked = 0.0
        self._job_runs = True

    def run(self) -> int:
        """Embed until no row is left to claim, the job stops running, or the turn is over.

        Returns how many operations were settled. Whatever happens, no row stays claimed.

        Raises:
            BackendUnavailable: the store went away; the rows it concerns were given back.

        """
        buried = TrackResult.objects.bury_lost(self._lease)
        model = TrackResult.objects.next_model(self._lease.job_id)
        if model is None:
            return buried
        spec = get_spec(model)
        # Before any row is claimed: loading may take longer than a lease.
        embedder = self._resident.embedder(spec)
        try:
            pipeline = Pipeline(spec, embedder, self._resident.decoders)
            with closing(pipeline.run(self._slices(spec))) as outcomes:
                return buried + self._embed(pipeline, outcomes)
        finally:
            TrackResult.objects.release(self._lease)

    def _embed(self, pipeline: Pipeline, outcomes: Iterator[list[Outcome]]) -> int:
        writer = Writer(self._lease, self._resident.store)
        stop_at = float("inf")
        for settled in outcomes:
            self._record(writer, settled)
            if not self._goes_on():
                self._give_back(pipeline.stop())
            if self._should_stop():
                stop_at = min(stop_at, time.monotonic() + GRACE_SECONDS)
            if time.monotonic() > stop_at:
                break
        writer.flush()
        # Before the pipeline closes, which may have to wait for a batch on a slow device.
        TrackResult.objects.release(self._lease)
        return writer.settled

    def _slices(self, spec: EmbedderSpec) -> Iterator[list[TrackRef]]:
        """Claim as the pipeline asks for more; a row suspected of killing workers stays alone."""
        refs = self._claim(spec, suspects=True)
        if refs:
            yield refs
        if any(row.lost >= LOST_ALONE for row in self._rows.values()):
            return
        while time.monotonic() < self._turn_ends and self._goes_on():
            if not (refs := self._claim(spec, suspects=False)):
                return
            yield refs

    def _claim(self, spec: EmbedderSpec, *, suspects: bool) -> list[TrackRef]:
        rows = TrackResult.objects.claim(self._lease, model=spec.key, limit=self._slice_size, suspects=suspects)
        refs = [row.track.ref() for row in rows]
        self._rows.update({ref.id: row for ref, row in zip(refs, rows, strict=True)})
        return refs

    def _record(self, writer: Writer, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            writer.add(self._rows.pop(outcome.track_id), outcome)
        writer.flush_due()
        if time.monotonic() - self._renewed > self._lease.seconds / 4:
            self._renewed = time.monotonic()
            TrackResult.objects.renew(self._lease)

    def _goes_on(self) -> bool:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._job_runs = BatchJob.objects.filter(pk=self._lease.job_id, state=JobState.RUNNING).exists()
        return self._job_runs and not self._should_stop()

    def _give_back(self, refs: Sequence[TrackRef]) -> None:
        if refs:
            TrackResult.objects.release(self._lease, [self._rows.pop(ref.id).pk for ref in refs])
