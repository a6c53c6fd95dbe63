"""Embeds slices of a job: claims rows, runs the pipeline, stores vectors, then writes the rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from embeddings.domain import TrackRef
from embeddings.embedders import get_spec
from embeddings.errors import WorkerHung, WorkerUnfit
from embeddings.jobs.absence import Absence
from embeddings.jobs.context import about
from embeddings.jobs.pipeline import Outcome, Pipeline
from embeddings.jobs.recording import Recorder
from embeddings.jobs.resident import Resident
from embeddings.jobs.writer import Writer
from embeddings.models import LOST_ALONE, BatchJob, Generation, JobState, Lease, TrackResult

LOOK_SECONDS = 1.0
"""How often a running slice looks whether its job still runs."""
TURN_SECONDS = 120.0
"""How long a worker embeds before other messages have their turn."""
GRACE_SECONDS = 4.0
"""How long a worker that has to end waits for the tracks in hand before it gives them back."""


class Unwanted(Exception):
    """Nobody waits any more for the model that is fetched: the worker has to end, or the job does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a turn goes on, and waits for what does not come."""

    turn_seconds: float = TURN_SECONDS
    """How long rows are claimed."""
    hung_seconds: float = float("inf")
    """After how long without any movement its device hangs."""
    for_music: bool = True
    """Whether music that is away is waited for."""


WAITS = Patience()


class Runner:
    """One worker's turn at one job."""

    def __init__(
        self,
        lease: Lease,
        resident: Resident,
        *,
        slice_size: int,
        should_stop: Callable[[], bool],
        one_slice: bool = False,
        patience: Patience = WAITS,
    ) -> None:
        """Prepare a turn.

        Args:
            lease: under which rows are claimed.
            resident: store, decoders and model.
            slice_size: rows that are claimed at once.
            should_stop: whether this worker has to end soon.
            one_slice: claim once, for a job that rests between two slices.
            patience: how long it goes on.

        """
        self._lease = lease
        self._resident = resident
        self._slice_size = slice_size
        self._should_stop = should_stop
        self._absence = Absence(lease, patient=patience.for_music)
        self._rows: dict[str, TrackResult] = {}
        self._one_slice = one_slice
        self._patience = patience
        self._turn_ends = float("inf")
        self._renewed = time.monotonic()
        self._looked = 0.0
        self._job_runs = True
        self._recovered = False

    def run(self) -> int:
        """Embed until no row is left to claim, the job stops running, or the turn is over.

        Returns how many operations were settled. Whatever happens, no row stays claimed.

        Raises:
            CheckpointRefused: the weights of the model that comes next cannot be used; no row was claimed.
            BackendUnavailable: the store went away, or the music did (`MusicAway`), or this worker is unfit for all
                that is left (`WorkerUnfit`); the rows it concerns were given back.
            WorkerHung: its device hangs, and this process has to end; what was not begun was given back.

        """
        buried = TrackResult.objects.bury_lost(self._lease)
        with self._resident.bulletin.read_out(self._lease.job_id):
            try:
                return buried + self._take_turn()
            except Unwanted:
                self._resident.bulletin.say("Stopped before the model was loaded")
                return buried

    def _take_turn(self) -> int:
        """Embed with the first model that this worker is fit for; rows of the others are left to other workers."""
        job_id, unfit = self._lease.job_id, dict(self._resident.unfit)
        # The model that is loaded goes on as long as it has rows; then models follow in the order of the job.
        while generation := TrackResult.objects.next_generation(job_id, prefer=self._resident.loaded, without=unfit):
            try:
                return self._run(generation)
            except WorkerUnfit as error:
                unfit[generation.pk] = str(error)
        left = TrackResult.objects.next_generation(job_id)
        if left is None or left.pk not in unfit:
            return 0
        self._resident.bulletin.say(unfit[left.pk])
        raise WorkerUnfit(unfit[left.pk])

    def _report(self, sentence: str) -> None:
        """Say what is downloaded or loaded, which takes minutes, and walk away from it when nobody waits for it."""
        self._resident.bulletin.say(sentence)
        if not self._goes_on():
            raise Unwanted

    def _run(self, generation: Generation) -> int:
        self._turn_ends = float("inf")
        # Loaded before any row is claimed: loading may take longer than a lease.
        with about(model=generation.model), self._resident.embedder(generation, self._report) as embedder:
            self._turn_ends = time.monotonic() + self._patience.turn_seconds
            try:
                spec, decoders = get_spec(generation.model), self._resident.decoders
                pipeline = Pipeline(spec, embedder, decoders, hung_seconds=self._patience.hung_seconds)
                recorder = Recorder(self._lease, self._slice_size)
                with closing(pipeline.run(self._slices(generation))) as outcomes, recorder:
                    return self._embed(pipeline, outcomes, Writer(self._lease, self._resident.store, recorder))
            except WorkerHung:
                # What is begun may be what its device hangs in: it counts as of a worker that died.
                self._give_back(pipeline.stop())
                TrackResult.objects.desert(self._lease)
                raise
            finally:
                TrackResult.objects.release(self._lease)

    def _embed(self, pipeline: Pipeline, outcomes: Iterator[list[Outcome]], writer: Writer) -> int:
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
        self._note_recovery(writer)
        # Before the pipeline closes, which may have to wait for a batch on a slow device.
        TrackResult.objects.release(self._lease)
        return writer.settled

    def _slices(self, generation: Generation) -> Iterator[list[TrackRef]]:
        """Claim as the pipeline asks for more; a row suspected of killing workers stays alone."""
        refs = self._claim(generation, suspects=True)
        if refs:
            yield refs
        if self._one_slice or any(row.lost >= LOST_ALONE for row in self._rows.values()):
            return
        while self._goes_on():
            if not (refs := self._claim(generation, suspects=False)):
                return
            yield refs

    def _claim(self, generation: Generation, *, suspects: bool) -> list[TrackRef]:
        rows = TrackResult.objects.claim(
            self._lease,
            model=generation.model,
            generation=generation.pk,
            limit=self._slice_size,
            suspects=suspects,
        )
        refs = [row.track.ref() for row in rows]
        # A track that was taken away and taken back is on its way through the pipeline still.
        fresh = [ref for ref in refs if ref.id not in self._rows]
        self._rows.update({ref.id: row for ref, row in zip(refs, rows, strict=True)})
        return fresh

    def _record(self, writer: Writer, outcomes: Sequence[Outcome]) -> None:
        missing = []
        for outcome in outcomes:
            row = self._rows.pop(outcome.track_id)
            if self._absence.explains(row, outcome):
                missing.append(row)
            else:
                writer.add(row, outcome)
        if missing:
            # It is not the tracks that are missing. Where there are no others, all rows are given back.
            writer.flush()
            self._note_recovery(writer)
            self._absence.put_off(missing, self._rows.values())
        writer.flush_due()
        self._note_recovery(writer)
        if time.monotonic() - self._renewed > self._lease.seconds / 4:
            self._renewed = time.monotonic()
            TrackResult.objects.renew(self._lease)

    def _note_recovery(self, writer: Writer) -> None:
        """Say once that whatever the job waited for is over; not before a vector is stored."""
        if writer.stored and not self._recovered:
            self._recovered = True
            BatchJob.objects.mark_recovered(self._lease.job_id)

    def _goes_on(self) -> bool:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._job_runs = BatchJob.objects.filter(pk=self._lease.job_id, state=JobState.RUNNING).exists()
        # A slow model has hours of work in one slice: what is not begun when the turn ends is given back as well.
        return self._job_runs and not self._should_stop() and time.monotonic() < self._turn_ends

    def _give_back(self, refs: Sequence[TrackRef]) -> None:
        if refs:
            TrackResult.objects.release(self._lease, [self._rows.pop(ref.id).pk for ref in refs])
