"""`{% fitted generation %}`: what recommendations know of a generation, for the page that shows it."""

from typing import Any

from django import template

from embeddings.models import Generation, GenerationState
from recommendations.fitting.learning import kept_bridge
from recommendations.models import StoredBackground

register = template.Library()


@register.inclusion_tag("recommendations/fitted.html")
def fitted(generation: Generation) -> dict[str, Any]:
    """List its backgrounds and the bridge into it, as they are kept; nothing is fitted for looking at a page."""
    bridge = kept_bridge(generation)
    quality = bridge.stored.quality if bridge else None
    return {
        "is_live": generation.state == GenerationState.LIVE,
        "backgrounds": StoredBackground.objects.heads().filter(generation=generation).order_by("field"),
        "bridge": bridge,
        "recall": f"{quality.recall:.1%}" if quality else "",
        "chance": f"{quality.chance:.1%}" if quality else "",
        "reads_texts": bool(generation.joint_dimension),
    }
