"""What is said of jobs and workers: frozen values, counted at one moment, without Django or I/O."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts by state of one group of rows."""

    total: int = 0
    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def settled(self) -> int:
        """How many will not be worked on any more."""
        return self.done + self.failed + self.cancelled

    @property
    def worked(self) -> int:
        """How many were worked on to their end; what was cancelled was not."""
        return self.done + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    """What a worker says of itself."""

    slot: str
    name: str
    """The slot, for people: `worker 1 on attic`."""
    model: str
    """Key of the loaded model; empty when none is."""
    standing: str
    """Its device, precision and batch, for people."""
    sentence: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A job's progress, counted from its rows at one moment."""

    job_id: int
    state: str
    operations: Tally
    tracks: Tally
    skipped: int
    """Operations that the scope named and that were current already."""
    percent: float
    rate: float | None
    """Operations per second over the last minutes; None before the first."""
    eta_seconds: float | None
    elapsed_seconds: float
    audio_seconds: float
    """Seconds of music embedded so far, as the slices that were recorded say; a killed worker's last is not in it."""
    current_model: str
    current_track: str
    message: str
    failures: dict[str, int] = field(default_factory=dict)
    """Failed operations by code."""
    workers: tuple[WorkerLine, ...] = ()
    """Workers at the job that were heard of lately."""
    stalled: str = ""
    """For how long nothing was settled and who was heard of last, in a sentence; "" while it moves."""
    retry_at: datetime | None = None
    """When a job that waits for a backend tries again."""
    last_track: str = ""
    """The track that was settled last."""
    waiting_retries: int = 0
    """Operations that failed and are tried again by themselves later; they count as pending."""
    slices: int = 0
    """Slices that were worked off."""
    slice_seconds_median: float | None = None
    slice_seconds_p95: float | None = None
    memory_mb: float | None = None
    """Resident memory of the largest worker at the job, as its last slice saw it."""
