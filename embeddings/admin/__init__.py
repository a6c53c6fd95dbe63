"""The admin: jobs that people start and watch, and rows that they read."""

from embeddings.admin.audit import AuditEntryAdmin
from embeddings.admin.generations import GenerationAdmin
from embeddings.admin.jobs import BatchJobAdmin
from embeddings.admin.rows import TrackAdmin, TrackFailureAdmin, TrackResultAdmin

__all__ = ["AuditEntryAdmin", "BatchJobAdmin", "GenerationAdmin", "TrackAdmin", "TrackFailureAdmin", "TrackResultAdmin"]
