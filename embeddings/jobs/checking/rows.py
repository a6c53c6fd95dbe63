"""Checks of rows against vectors, in both directions: what the database says is stored, and what the store holds."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db.models import QuerySet

from embeddings.jobs.checking.check import Check, counted, named
from embeddings.jobs.checking.stored import Stored
from embeddings.models import Generation, ResultState, TrackResult, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.checks import batches

LOOK_UP = 500


def row_ids(generation: Generation) -> set[str]:
    """Ids of the tracks whose vectors the database says are stored."""
    return _texts(TrackVector.objects.filter(generation=generation).values_list("track_id", flat=True).iterator())


def check_rows(generation: Generation, store: VectorStore, stored: Stored, rows: set[str]) -> Iterator[Check]:
    """Compare ids on both sides; where they differ, both are looked at again, for workers may be writing meanwhile.

    Args:
        generation: whose rows and vectors.
        store: where the vectors are.
        stored: what was read there.
        rows: what the database said afterwards.

    """
    lost = sorted(_still_lost(generation, store, rows - stored.ids))
    stray = sorted(_still_stray(generation, store, stored.ids - rows))
    yield Check(
        name="rows_without_vector",
        passed=not lost,
        value=len(lost),
        bar=0,
        sentence=f"{counted(len(lost), 'track')} recorded as embedded without a vector in the store: {named(lost)}."
        if lost
        else "Every track recorded as embedded has its vector in the store.",
    )
    yield Check(
        name="vectors_without_row",
        passed=not stray,
        value=len(stray),
        bar=0,
        sentence=f"{counted(len(stray), 'vector')} in the store that nothing records: {named(stray)}."
        if stray
        else "Every vector in the store is recorded.",
    )
    yield _check_counts(generation, store, stored)


def _check_counts(generation: Generation, store: VectorStore, stored: Stored) -> Check:
    recorded, held = generation.vectors.count(), store.count(generation.collection)
    sentence = f"{recorded:,} recorded, {held:,} in the store"
    doubled = f", {counted(stored.doubled, 'id')} listed twice" if stored.doubled else ""
    # While workers write, the two counts are of two moments.
    busy = recorded != held and _in_hand(generation).exists()
    return Check(
        name="counts",
        passed=None if busy and not stored.doubled else recorded == held and not stored.doubled,
        value=held,
        bar=recorded,
        sentence=f"{sentence}{doubled}{', while workers write' if busy else ''}.",
    )


def _still_lost(generation: Generation, store: VectorStore, ids: set[str]) -> Iterator[str]:
    for some in batches(sorted(ids), LOOK_UP):
        found = store.fetch(generation.collection, some)
        yield from _recorded(generation, [key for key in some if key not in found])


def _still_stray(generation: Generation, store: VectorStore, ids: set[str]) -> Iterator[str]:
    for some in batches(sorted(ids), LOOK_UP):
        # The vector is written first, then the row: what workers have in hand may be between the two.
        in_hand = _texts(_in_hand(generation).filter(track_id__in=some).values_list("track_id", flat=True))
        recorded = _recorded(generation, some)
        found = store.fetch(generation.collection, [key for key in some if key not in recorded | in_hand])
        yield from found


def _recorded(generation: Generation, ids: Iterable[str]) -> set[str]:
    rows = TrackVector.objects.filter(generation=generation, track_id__in=list(ids))
    return _texts(rows.values_list("track_id", flat=True))


def _in_hand(generation: Generation) -> QuerySet[TrackResult]:
    return TrackResult.objects.filter(generation=generation, state=ResultState.RUNNING)


def _texts(ids: Iterable[UUID]) -> set[str]:
    return {str(found) for found in ids}
