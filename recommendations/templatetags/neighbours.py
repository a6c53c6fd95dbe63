"""`{% neighbours track %}`: a track's nearest neighbours, for pages that show a track."""

from collections import Counter
from typing import Any

from django import template

from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, NotEmbedded
from embeddings.models import GenerationState, Track, TrackFailure, TrackVector
from recommendations.neighbours import neighbours_of
from recommendations.store import vector_store

register = template.Library()
COUNT = 10


@register.inclusion_tag("recommendations/neighbours.html")
def neighbours(track: Track) -> dict[str, Any]:
    """List them by each model, or say why there are none."""
    return {"by_model": [_by(key, track) for key in SPECS]}


def _by(key: str, track: Track) -> dict[str, Any]:
    try:
        found = neighbours_of(track, model=key, store=vector_store(), limit=COUNT)
    except NotEmbedded as reason:
        return {"model": key, "reason": _failure(key, track) or str(reason), "found": []}
    except BackendUnavailable as reason:
        return {"model": key, "reason": str(reason), "found": []}
    counts = Counter([track.name, *(near.track.name for near in found)])
    shared = {name for name, count in counts.items() if count > 1}
    return {"model": key, "reason": "", "found": found, "shared_names": shared}


def _failure(key: str, track: Track) -> str:
    """Say why the track has no vector, when it was tried."""
    held = TrackVector.objects.filter(track=track, generation__model=key, generation__state=GenerationState.LIVE)
    failure = None if held.exists() else TrackFailure.objects.filter(track=track, model=key).first()
    return f"Could not be embedded: {failure.message}" if failure else ""
