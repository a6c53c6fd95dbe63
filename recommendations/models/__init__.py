"""What recommendations remember between requests."""

from recommendations.models.answered import Answered
from recommendations.models.background import StoredBackground
from recommendations.models.bridge import StoredBridge

__all__ = ["Answered", "StoredBackground", "StoredBridge"]
