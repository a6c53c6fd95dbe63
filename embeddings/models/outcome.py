"""Values around the transitions of results: a worker's hold on rows, and what it reports of them."""

import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embeddings.errors import TrackError
from embeddings.models.moments import FARTHEST

if TYPE_CHECKING:
    from embeddings.models.result import TrackResult


LONGEST_SECONDS = FARTHEST.total_seconds() / 2
"""How long a lease may be, so that none is taken for one of a clock that ran ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's hold on rows; whoever lost it changes nothing any more."""

    job_id: int
    worker: str
    seconds: float
    token: str
    retries: int = 0
    """How often its rows are tried again by themselves, at most, when they fail in a way that may pass."""

    @classmethod
    def take(cls, job_id: int, *, worker: str, seconds: float, retries: int = 0) -> "Lease":
        """Make a fresh lease without rows; half an hour long at most."""
        seconds = min(seconds, LONGEST_SECONDS)
        return cls(job_id=job_id, worker=worker, seconds=seconds, token=uuid.uuid4().hex, retries=retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What is recorded of a stored vector."""

    result: "TrackResult"
    seconds: float
    audio_seconds: float
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What is recorded of a failed attempt."""

    result: "TrackResult"
    code: str
    permanent: bool
    message: str
    trace: str
    seconds: float
    attempts: int
    """How often this kind of failure is worth trying."""
    backoff_seconds: float

    def wait_seconds(self, retries: int) -> float | None:
        """Seconds until it is tried again by itself, twice as many each time; None when it has failed for good.

        Args:
            retries: how often at most, whatever the kind of failure allows.

        """
        so_far = self.result.retries
        return None if so_far >= min(self.attempts - 1, retries) else self.backoff_seconds * 2.0**so_far

    @classmethod
    def of(cls, result: "TrackResult", error: TrackError, *, seconds: float = 0.0) -> "Failed":
        """Turn an error into what is kept of it."""
        trace = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
        return cls(
            result=result,
            code=error.code,
            permanent=error.permanent,
            message=str(error),
            trace=trace,
            seconds=seconds,
            attempts=error.attempts,
            backoff_seconds=error.backoff_seconds,
        )
