"""`{% newest_job %}` and `ours_first`: what the admin's first page shows before anything else."""

from collections.abc import Iterable
from typing import Any

from django import template

from embeddings.apps import EmbeddingsConfig
from embeddings.models import BatchJob, TrackResult

register = template.Library()


@register.inclusion_tag("admin/embeddings/newest_job.html", takes_context=True)
def newest_job(context: dict[str, Any]) -> dict[str, Any]:
    """Show the newest job's state and progress, and the way to start one."""
    user = context["user"]
    job = BatchJob.objects.newest() if user.has_perm("embeddings.view_batchjob") else None
    counted = TrackResult.objects.filter(job=job).tally() if job else None
    return {"job": job, "counted": counted, "may_start": user.has_perm("embeddings.add_batchjob")}


@register.filter
def ours_first(apps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what people come for before accounts and tokens."""
    return sorted(apps, key=lambda app: app["app_label"] != EmbeddingsConfig.name)
