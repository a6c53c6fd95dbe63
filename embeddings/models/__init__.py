"""Rows, constraints, and every state transition."""

from embeddings.models.audit import AuditEntry
from embeddings.models.claims import LOST_ALONE
from embeddings.models.collection import FORMER, RENEWED, Generation, Origin, TrackVector, is_current, is_held, names_of
from embeddings.models.failure import TrackFailure, failure_codes, has_failed, is_due
from embeddings.models.history import SliceRecord
from embeddings.models.identity import PLAIN, Identity
from embeddings.models.job import ACTIVE, FINISHED, BatchJob, JobState, Scope
from embeddings.models.lifecycle import FILLED, SERVING, GenerationState
from embeddings.models.outcome import Done, Failed, Lease
from embeddings.models.prompt import Asked, PromptVector
from embeddings.models.result import TrackResult
from embeddings.models.tally import ResultState
from embeddings.models.track import Library, Track
from embeddings.models.verification import Verification, VerificationState
from embeddings.models.watch import Watch
from embeddings.models.worker import WorkerState

__all__ = [
    "ACTIVE",
    "FILLED",
    "FINISHED",
    "FORMER",
    "LOST_ALONE",
    "PLAIN",
    "RENEWED",
    "SERVING",
    "Asked",
    "AuditEntry",
    "BatchJob",
    "Done",
    "Failed",
    "Generation",
    "GenerationState",
    "Identity",
    "JobState",
    "Lease",
    "Library",
    "Origin",
    "PromptVector",
    "ResultState",
    "Scope",
    "SliceRecord",
    "Track",
    "TrackFailure",
    "TrackResult",
    "TrackVector",
    "Verification",
    "VerificationState",
    "Watch",
    "WorkerState",
    "failure_codes",
    "has_failed",
    "is_current",
    "is_due",
    "is_held",
    "names_of",
]
