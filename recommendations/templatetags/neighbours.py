"""`{% neighbours track %}`: a track's nearest neighbours, for pages that show a track."""

from typing import Any

from django import template

from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, NotEmbedded
from embeddings.models import Track
from recommendations.engine import neighbours_of
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
    except (NotEmbedded, BackendUnavailable) as reason:
        return {"model": key, "reason": str(reason), "found": []}
    return {"model": key, "reason": "", "found": found}
