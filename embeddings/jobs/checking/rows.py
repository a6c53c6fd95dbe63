"""Checks of rows against vectors, in both directions: what the database says is stored, and what the store holds."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from embeddings.jobs.checking.check import Check, counted, named
from embeddings.jobs.checking.mending import LOOK_UP, in_hand, take_back, take_out
from embeddings.jobs.checking.stored import Stored
from embeddings.models import Generation, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.checks import batches

MANY = 0.1
"""Share of vectors without a row from which on none is removed: the database may be an older one, put back."""


def row_ids(generation: Generation) -> set[str]:
    """Ids of the tracks whose vectors the database says are stored."""
    return _texts(TrackVector.objects.filter(generation=generation).values_list("track_id", flat=True).iterator())


def check_rows(
    generation: Generation, store: VectorStore, stored: Stored, rows: set[str], *, writes: int
) -> Iterator[Check]:
    """Compare ids on both sides; where they differ, both are looked at again, for workers may be writing meanwhile.

    What differs still is put right, so that jobs go on with it; a vector that is lost fails it this time all the same.

    Args:
        generation: whose rows and vectors.
        store: where the vectors are.
        stored: what was read there.
        rows: what the database said afterwards.
        writes: how often vectors had been recorded before; where it was more often since, nothing is put right.

    """
    yield _check_lost(generation, sorted(_still_lost(generation, store, rows - stored.ids)), writes)
    stray = sorted(_still_stray(generation, store, stored.ids - rows))
    few = len(stray) <= max(1.0, MANY * stored.read)
    yield _check_stray(stray, take_out(generation, store, stray, writes=writes) if few else 0)
    yield _check_counts(generation, store, stored)


def _check_lost(generation: Generation, lost: list[str], writes: int) -> Check:
    sentence = "Every track recorded as embedded has its vector in the store."
    if lost:
        taken = take_back(generation, lost, writes=writes)
        then = f" {_were(taken, 'row')} taken back; a job of scope missing embeds what is lacking." if taken else ""
        tracks = counted(len(lost), "track")
        sentence = f"{tracks} recorded as embedded without a vector in the store: {named(lost)}.{then}"
    return Check(name="rows_without_vector", passed=not lost, value=len(lost), bar=0, sentence=sentence)


def _check_stray(stray: list[str], taken: int) -> Check:
    left = len(stray) - taken
    sentence = "Every vector in the store is recorded."
    if left:
        sentence = f"{counted(left, 'vector')} in the store that nothing records: {named(stray)}."
    elif taken:
        sentence = f"{sentence[:-1]}; {_were(taken, 'vector')} not, and taken out: {named(stray)}."
    return Check(name="vectors_without_row", passed=not left, value=left, bar=0, sentence=sentence)


def _check_counts(generation: Generation, store: VectorStore, stored: Stored) -> Check:
    recorded, held = generation.vectors.count(), store.count(generation.collection)
    sentence = f"{recorded:,} recorded, {held:,} in the store"
    doubled = f", {counted(stored.doubled, 'id')} listed twice" if stored.doubled else ""
    # While workers write, the two counts are of two moments.
    busy = recorded != held and in_hand(generation).exists()
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
        busy = _texts(in_hand(generation).filter(track_id__in=some).values_list("track_id", flat=True))
        recorded = _recorded(generation, some)
        found = store.fetch(generation.collection, [key for key in some if key not in recorded | busy])
        yield from found


def _recorded(generation: Generation, ids: Iterable[str]) -> set[str]:
    rows = TrackVector.objects.filter(generation=generation, track_id__in=list(ids))
    return _texts(rows.values_list("track_id", flat=True))


def _were(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'}"


def _texts(ids: Iterable[UUID]) -> set[str]:
    return {str(found) for found in ids}
