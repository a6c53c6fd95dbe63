"""Typed configuration of recommendations, read from Django's settings when asked and never at import."""

import math
from dataclasses import dataclass

from django.conf import settings

from embeddings.conf import bounded_days


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationConfig:
    """What recommendations take from the settings."""

    log_days: float
    """How long requests and answers are kept; 0 keeps none."""
    max_per_artist: int
    """Of 25 tracks; 0 for any number."""
    max_per_album: int
    bridge_least_recall: float
    """Recall beyond chance, 0..1, from which a bridge is trusted with a text."""


def recommendations() -> RecommendationConfig:
    """Configuration of recommendations."""
    days = settings.REQUEST_LOG_DAYS
    return RecommendationConfig(
        log_days=0.0 if math.isnan(days) else bounded_days(days),
        max_per_artist=max(0, settings.MAX_PER_ARTIST),
        max_per_album=max(0, settings.MAX_PER_ALBUM),
        bridge_least_recall=settings.BRIDGE_LEAST_RECALL,
    )
