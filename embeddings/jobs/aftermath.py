"""Lets others act on what a finished job changed: what AFTER_JOB names is called, and breaks nothing here."""

import logging
from collections.abc import Callable
from importlib import import_module

from embeddings import conf
from embeddings.models import BatchJob
from embeddings.store.base import VectorStore

Aftermath = Callable[[BatchJob, VectorStore, Callable[[], bool]], None]
"""Called with the job in its final state, the store, and what says whether this worker has to end soon."""

log = logging.getLogger(__name__)


def call_after(job_id: int, store: VectorStore, should_stop: Callable[[], bool]) -> None:
    """Call, outside of transactions, what acts on finished jobs."""
    for dotted in conf.jobs().after:
        try:
            _resolved(dotted)(BatchJob.objects.get(pk=job_id), store, should_stop)
        except Exception:
            # At this boundary whatever breaks is somebody else's, and the job is finished already.
            log.exception("aftermath broke job=%s what=%s", job_id, dotted)


def _resolved(dotted: str) -> Aftermath:
    module, _, name = dotted.partition(":")
    found: Aftermath = getattr(import_module(module), name)
    return found
