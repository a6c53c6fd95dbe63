"""Renews what an earlier version made: copies collections whose rows lack labels into ones that have them all.

The copy lies beside the collection that serves, is compared with it row by row, and takes its place
by one change of the generation's row. Broken off at any point, the next look goes on: rows that are
in the copy already are not written again. What served before is set aside under a name that nobody
writes to, and dropped once all that is recorded is found in the copy.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from uuid import UUID

import numpy as np
from django.db import transaction
from django.utils import timezone

from embeddings.domain import SYSTEM, Labels, VectorRow
from embeddings.embedders import SPECS
from embeddings.errors import Refused
from embeddings.jobs.following import labels_now
from embeddings.jobs.generations import point_alias
from embeddings.models import (
    FORMER,
    RENEWED,
    SERVING,
    AuditEntry,
    BatchJob,
    Generation,
    ResultState,
    Track,
    TrackResult,
)
from embeddings.store.base import CollectionMissing, VectorStore
from embeddings.store.checks import batches

LEASE_SECONDS = 120.0
"""How long a silent worker keeps the right to copy; one page takes a second."""
SLOW_SECONDS = 1200.0
"""The same before the copy's index is waited for."""
PAGE = 200
"""Rows that are compared and written at once; of the widest vectors 26 MB."""

log = logging.getLogger(__name__)


def renew_old(store: VectorStore, *, should_stop: Callable[[], bool], report: Callable[[str], None]) -> None:
    """Renew every generation that is served or filled, the live ones first; nothing while a job is active.

    Args:
        store: where they are.
        should_stop: asked between pages.
        report: told how far it is.

    Raises:
        BackendUnavailable: the store does not answer; the next look goes on.

    """
    stored = set(store.collections())
    serving = Generation.objects.filter(state__in=SERVING, collection__in=stored)
    for generation in sorted(serving, key=lambda found: (found.promoted_at is None, found.pk)):
        if generation.collection != generation.name:
            _clear_away(generation, store, stored)
        elif (shape := store.shape(generation.collection)) is not None and shape.lacks:
            if should_stop() or BatchJob.objects.active().exists():
                return
            _renew(generation, store, should_stop, report)


def _renew(
    generation: Generation, store: VectorStore, should_stop: Callable[[], bool], report: Callable[[str], None]
) -> None:
    token = Generation.objects.claim_renewal(generation.pk, LEASE_SECONDS)
    if not token:
        return
    try:
        Renewal(generation, store, token).run(should_stop, report)
    except CollectionMissing as error:
        # Another worker was taken for dead, and was faster; or somebody dropped it.
        log.warning("renewal given up collection=%s reason=%s", generation, error)
    finally:
        Generation.objects.keep_renewal(generation.pk, token, 0.0)


class Renewal:
    """One collection on its way into another."""

    def __init__(self, generation: Generation, store: VectorStore, token: str) -> None:
        """Take the right to copy it."""
        self._generation = generation
        self._store = store
        self._token = token
        self._old = generation.collection
        self._new = generation.name + RENEWED
        self._seen = 0

    def run(self, should_stop: Callable[[], bool], report: Callable[[str], None]) -> None:
        """Make the copy agree with what serves, and let it serve; what changed meanwhile is left to the next look."""
        generation, store = self._generation, self._store
        generation.refresh_from_db()
        if generation.collection != self._old:
            return
        since, writes = timezone.now(), generation.writes
        store.create(self._new, generation.dimension, joint_dimension=generation.joint_dimension)
        if not self._copied(should_stop, report):
            return
        self._take_out()
        report(f"Copied {generation} for filters by its labels: waiting for its index")
        if not self._kept(SLOW_SECONDS):
            return
        store.flush(self._new)
        # An index takes minutes, in which the gone are taken out of the original as ever.
        self._take_out()
        with transaction.atomic():
            if not Generation.objects.move(generation.pk, self._token, self._new, writes=writes, since=since):
                log.info("not renewed yet, as it is in use collection=%s", self._old)
                return
            details = {"from": self._old, "to": self._new, "rows": self._seen}
            AuditEntry.objects.note("renew", SYSTEM, generation=generation, details=details)
        log.info("renewed collection=%s to=%s rows=%s", self._old, self._new, self._seen)
        report(f"Copied {self._old} to {self._new}")
        generation.refresh_from_db()
        _clear_away(generation, store, set(store.collections()))

    def _copied(self, should_stop: Callable[[], bool], report: Callable[[str], None]) -> bool:
        for page in self._store.rows(self._old):
            for rows in batches(page, PAGE):
                # Jobs go first: it goes on when there is none.
                if should_stop() or BatchJob.objects.active().exists() or not self._kept(LEASE_SECONDS):
                    return False
                _copy(self._store, self._new, rows)
                self._seen += len(rows)
            report(f"Copying {self._generation} for filters by its labels: {self._seen:,} vectors")
        return True

    def _take_out(self) -> None:
        """Remove from the copy what was taken out of the original since it was copied."""
        held = {key for page in self._store.ids(self._old) for key in page}
        for page in self._store.ids(self._new):
            if gone := [key for key in page if key not in held]:
                self._store.delete(self._new, gone)

    def _kept(self, seconds: float) -> bool:
        return Generation.objects.keep_renewal(self._generation.pk, self._token, seconds)


def _copy(store: VectorStore, collection: str, rows: Sequence[VectorRow]) -> None:
    """Write the rows that are not there as they are, with labels as of now."""
    tracks = Track.objects.in_bulk([UUID(row.id) for row in rows])
    there = store.labels(collection, [row.id for row in rows])
    own = store.fetch(collection, list(there))
    joint = store.fetch(collection, list(there), field="joint") if rows[0].joint is not None else {}
    due = []
    for row in rows:
        labels = _labels(row, tracks.get(UUID(row.id)))
        same = np.array_equal(row.embedding, own.get(row.id, ())) and (
            row.joint is None or np.array_equal(row.joint, joint.get(row.id, ()))
        )
        if not same or there.get(row.id) != labels:
            due.append(labels.row(row.id, row.embedding, row.joint))
    store.upsert(collection, due)


def _labels(row: VectorRow, track: Track | None) -> Labels:
    if track is not None:
        return labels_now(track, row)
    # A vector that no row names is no less stored for that; an examination says so, and takes it out.
    said = {field.name: getattr(row, field.name) for field in fields(Labels)}
    return Labels(**said | {"missing": True})


def _clear_away(generation: Generation, store: VectorStore, stored: Collection[str]) -> None:
    """Drop what a renewed generation was kept in before, once nobody can write to it and all is found in the copy."""
    old, former = generation.name, generation.name + FORMER
    if former not in stored:
        if old not in stored:
            return
        _point_alias(generation, store)
        # Whoever read the generation's row before it changed finds nothing under this name, and reads it again.
        store.rename(old, former)
    writes = Generation.objects.values_list("writes", flat=True).get(pk=generation.pk)
    there = {key for page in store.ids(generation.collection) for key in page}
    only_there = set(there)
    for page in store.ids(former):
        only_there.difference_update(page)
        for ids in batches([key for key in page if key not in there], PAGE):
            recorded = generation.vectors.filter(track__in=[UUID(key) for key in ids])
            if late := [str(key) for key in recorded.values_list("track_id", flat=True)]:
                log.warning("written late, and kept collection=%s count=%s", generation, len(late))
                _copy(store, generation.collection, _rows(store, former, late, joint=bool(generation.joint_dimension)))
    _take_out_late(generation, store, sorted(only_there), writes=writes)
    try:
        store.drop(former)
    except Refused as error:
        log.warning("what was copied is kept collection=%s reason=%s", former, error)


def _take_out_late(generation: Generation, store: VectorStore, only_there: Sequence[str], *, writes: int) -> None:
    """Remove from the copy what was taken out of the original after the two were compared last.

    Args:
        generation: whose rows say what is recorded.
        store: where the copy is.
        only_there: what the copy has and the original has not: that, and what was embedded since.
        writes: the generation's, from before the two were listed.

    """
    for ids in batches(only_there, PAGE):
        # A job may have stored a vector and not recorded it yet.
        awaited = TrackResult.objects.filter(
            generation=generation, state__in=(ResultState.PENDING, ResultState.RUNNING)
        )
        tracks = [UUID(key) for key in ids]
        known = {*generation.vectors.filter(track__in=tracks).values_list("track_id", flat=True)}
        known |= {*awaited.filter(track__in=tracks).values_list("track_id", flat=True)}
        if not Generation.objects.filter(pk=generation.pk, writes=writes).exists():
            return
        if gone := [key for key in ids if UUID(key) not in known]:
            log.warning("taken out late collection=%s count=%s", generation, len(gone))
            store.delete(generation.collection, gone)


def _point_alias(generation: Generation, store: VectorStore) -> None:
    try:
        if generation.model in SPECS:
            point_alias(SPECS[generation.model], store)
    except Refused as error:
        log.warning("alias not pointed model=%s reason=%s", generation.model, error)


def _rows(store: VectorStore, collection: str, ids: Sequence[str], *, joint: bool) -> list[VectorRow]:
    labels, own = store.labels(collection, ids), store.fetch(collection, ids)
    second = store.fetch(collection, ids, field="joint") if joint else {}
    return [labels[key].row(key, own[key], second.get(key)) for key in own if key in labels]
