"""Puts right where rows and vectors are found to differ, so that jobs can go on; only what nobody is at work on."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from embeddings.domain import SYSTEM
from embeddings.models import AuditEntry, Generation, ResultState, TrackResult
from embeddings.store.base import VectorStore
from embeddings.store.checks import batches

LOOK_UP = 500
"""Ids in one condition; databases limit how many parameters a statement has."""
UNSETTLED = (ResultState.PENDING, ResultState.RUNNING)

log = logging.getLogger(__name__)


def in_hand(generation: Generation) -> QuerySet[TrackResult]:
    """Operations of which workers may have stored the vector, and not written the row yet."""
    return TrackResult.objects.filter(generation=generation, state=ResultState.RUNNING)


def take_back(generation: Generation, ids: Sequence[str], *, writes: int) -> int:
    """Forget that tracks are embedded whose vectors are lost: jobs look at the rows, and embed them again.

    Args:
        generation: whose rows.
        ids: tracks without a vector in the store.
        writes: the generation's, from before they were looked for; one more may be of any of them.

    Returns:
        How many rows were taken back; none where vectors were recorded meanwhile.

    """
    taken = 0
    for some in batches(ids, LOOK_UP):
        with transaction.atomic():
            if not Generation.objects.lock_unwritten(generation.pk, writes):
                break
            busy = in_hand(generation).filter(track_id__in=some).values("track_id")
            count, _ = generation.vectors.filter(track_id__in=some).exclude(track_id__in=busy).delete()
            if count:
                AuditEntry.objects.note("take-back", SYSTEM, generation=generation, details={"rows": count})
        taken += count
    log.warning("vectors are lost collection=%s lost=%s taken_back=%s", generation, len(ids), taken)
    return taken


def take_out(generation: Generation, store: VectorStore, ids: Sequence[str], *, writes: int) -> int:
    """Remove vectors that nothing records, such as of tracks that are gone: nothing else ever would.

    Args:
        generation: whose vectors.
        store: where they are.
        ids: vectors without a row.
        writes: the generation's, from before they were looked for.

    Returns:
        How many vectors were removed; none where vectors were recorded meanwhile, and none over which a job will store.

    """
    taken = 0
    for some in batches(ids, LOOK_UP):
        if not Generation.objects.filter(pk=generation.pk, writes=writes).exists():
            break
        awaited = TrackResult.objects.filter(generation=generation, state__in=UNSETTLED, track_id__in=some)
        kept = {str(found) for found in awaited.values_list("track_id", flat=True)}
        if removed := [key for key in some if key not in kept]:
            store.delete(generation.collection, removed)
            AuditEntry.objects.note("take-out", SYSTEM, generation=generation, details={"vectors": len(removed)})
        taken += len(removed)
    if taken:
        log.warning("vectors that nothing recorded are removed collection=%s count=%s", generation, taken)
    return taken
