"""Lets the vectors follow the catalogue: what lies beside them is brought up to date, and the gone are taken out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from embeddings.conf import KeepingConfig
from embeddings.domain import SYSTEM, Actor, Labelled, Labels, VectorRow
from embeddings.models import SERVING, AuditEntry, BatchJob, Generation, GenerationState, Library, Track, TrackVector
from embeddings.store.base import CollectionMissing, VectorStore
from embeddings.store.checks import cut_name, genre_keys

PAGE = 200
"""Rows that are read and written at once; of the widest vectors 26 MB."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What was done; both 0 when nothing had changed."""

    refreshed: int
    """Vectors beside which something had changed."""
    removed: int
    complete: bool
    """Whether nothing was left for another time."""


def follow(
    store: VectorStore,
    config: KeepingConfig,
    *,
    by: Actor = SYSTEM,
    job: BatchJob | None = None,
    should_stop: Callable[[], bool | None] = lambda: False,
) -> Followed:
    """Do both, in proportion to what changed since the last time; the store is not asked when nothing did.

    Broken off at any point, also by what `should_stop` raises between two pages, the next call does what is left.

    Raises:
        BackendUnavailable: the store does not answer.

    """
    began = timezone.now()
    # What is taken out need not be told first that its file is gone.
    removed = sum(_pages(gone(config.gone_days), lambda rows: _remove(store, rows), should_stop))
    refreshed = sum(_pages(stale(), lambda rows: _refresh(store, rows, began), should_stop))
    if refreshed or removed:
        AuditEntry.objects.note("follow", by, job=job, details={"refreshed": refreshed, "removed": removed})
        log.info("vectors followed the catalogue refreshed=%s removed=%s", refreshed, removed)
    return Followed(refreshed=refreshed, removed=removed, complete=not should_stop())


def stale() -> QuerySet[TrackVector]:
    """Vectors of tracks whose row was written since, as when a file went or came back, and whose audio is the same."""
    serving = TrackVector.objects.filter(generation__state__in=SERVING)
    return serving.filter(stored_at__lt=F("track__changed_at"), signature=F("track__signature"))


def gone(days: float) -> QuerySet[TrackVector]:
    """Vectors of tracks that have been gone for so many days; a library that is gone as a whole may be a lost disk."""
    here = Library.objects.filter(Exists(Track.objects.present().filter(library=OuterRef("pk"))))
    lost = TrackVector.objects.filter(track__missing_since__lte=timezone.now() - timedelta(days=days))
    return lost.filter(track__library__in=here).exclude(generation__state=GenerationState.DROPPED)


def _pages(
    rows: QuerySet[TrackVector], work: Callable[[Sequence[TrackVector]], int], should_stop: Callable[[], bool | None]
) -> Iterator[int]:
    """Work through the rows by generation and page; each page is read when it is its turn."""
    # Sorted here: asked to do it, SQLite reads every vector's row by index instead of every track's once.
    found = sorted(rows.order_by().values_list("generation", "pk"))
    for _, named in groupby(found, key=lambda pair: pair[0]):
        keys = [key for _, key in named]
        for start in range(0, len(keys), PAGE):
            if should_stop():
                return
            page = rows.filter(pk__in=keys[start : start + PAGE]).select_related("track", "generation")
            if read := list(page):
                yield work(read)


def _refresh(store: VectorStore, rows: Sequence[TrackVector], began: datetime) -> int:
    """Write the labels anew where they differ; say how many did."""
    collection = rows[0].generation.collection
    try:
        kept = store.labels(collection, [str(row.track_id) for row in rows])
        wanted = {key: labels_now(row.track, kept[key]) for row in rows if (key := str(row.track_id)) in kept}
        changed = {key: labels for key, labels in wanted.items() if labels != kept[key]}
        store.upsert(collection, _relabelled(store, rows[0].generation, changed))
    except CollectionMissing:
        # The next job that fills this generation finds it out and makes it anew.
        return 0
    _confirm([row for row in rows if str(row.track_id) in kept], at=began)
    if lost := [row.pk for row in rows if str(row.track_id) not in kept]:
        log.warning("store lost vectors, embedding them anew collection=%s count=%s", collection, len(lost))
        TrackVector.objects.filter(pk__in=lost).delete()
    return len(changed)


def labels_now(track: Track, kept: Labelled) -> Labels:
    """What a store would keep of the track now, beside the vector that it has."""
    labels = track.labels(offset=kept.offset, model_id=kept.model_id)
    return replace(labels, name=cut_name(labels.name), genres=genre_keys(labels.genres))


def _relabelled(store: VectorStore, generation: Generation, labels: dict[str, Labels]) -> list[VectorRow]:
    if not labels:
        return []
    ids = list(labels)
    vectors = store.fetch(generation.collection, ids)
    joint = store.fetch(generation.collection, ids, field="joint") if generation.joint_dimension else {}
    return [said.row(key, vectors[key], joint.get(key)) for key, said in labels.items() if key in vectors]


@transaction.atomic
def _confirm(rows: Sequence[TrackVector], *, at: datetime) -> None:
    """Note that labels are as of now; a vector that was replaced meanwhile may have been undone and is made again."""
    found = TrackVector.objects.select_for_update().filter(pk__in=[row.pk for row in rows])
    signatures = dict(found.values_list("pk", "signature"))
    same = [row.pk for row in rows if signatures.get(row.pk) == row.signature]
    TrackVector.objects.filter(pk__in=signatures.keys() - set(same)).delete()
    TrackVector.objects.filter(pk__in=same).update(stored_at=at)


def _remove(store: VectorStore, rows: Sequence[TrackVector]) -> int:
    """The vectors first: a row that a crash leaves is found again by its track, a vector without a row by nobody."""
    generation, ids = rows[0].generation, [str(row.track_id) for row in rows]
    _delete(store, generation.collection, ids)
    count = TrackVector.objects.filter(pk__in=[row.pk for row in rows]).delete()[0]
    # A copy with all labels may have taken the place of what these rows were read with.
    moved = Generation.objects.filter(pk=generation.pk).exclude(collection=generation.collection)
    for collection in moved.values_list("collection", flat=True):
        _delete(store, collection, ids)
    return count


def _delete(store: VectorStore, collection: str, ids: Sequence[str]) -> None:
    try:
        store.delete(collection, ids)
    except CollectionMissing:
        log.info("collection is gone already collection=%s", collection)
