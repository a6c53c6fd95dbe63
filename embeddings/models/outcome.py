"""Values around the transitions of results: a worker's hold on rows, and what it reports of them."""

import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embeddings.errors import TrackError

if TYPE_CHECKING:
    from embeddings.models.result import TrackResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's hold on rows; whoever lost it changes nothing any more."""

    job_id: int
    worker: str
    seconds: float
    token: str

    @classmethod
    def take(cls, job_id: int, *, worker: str, seconds: float) -> "Lease":
        """Make a fresh lease without rows."""
        return cls(job_id=job_id, worker=worker, seconds=seconds, token=uuid.uuid4().hex)


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
        )
