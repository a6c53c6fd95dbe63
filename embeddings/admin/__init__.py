"""The admin: jobs that people start and watch, and rows that they read."""

from embeddings.admin.jobs import BatchJobAdmin
from embeddings.admin.rows import TrackAdmin, TrackFailureAdmin, TrackResultAdmin

__all__ = ["BatchJobAdmin", "TrackAdmin", "TrackFailureAdmin", "TrackResultAdmin"]
