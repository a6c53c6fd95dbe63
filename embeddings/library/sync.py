"""Keeps the catalogue in step with its source: who is new, changed, moved, gone and back; ids never change."""

import gc
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import IntegrityError
from django.utils import timezone

from embeddings.errors import BackendUnavailable, CatalogueBusy
from embeddings.library.base import Known, Listing, MusicSource, SourceTrack
from embeddings.library.changes import SAID, Atlas, Changes, compare
from embeddings.library.knowing import keep_libraries
from embeddings.library.matching import Place, Row
from embeddings.models import Library, Track

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
CHUNK = 1000
"""Rows of one transaction: some tens of milliseconds in which nobody else writes."""
IDS = 500
"""Ids in one condition; SQLite limits how many parameters a statement has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one synchronisation found in one library; a track that moved and changed counts as both."""

    library: str
    added: int = 0
    changed: int = 0
    """Another file, or other tags."""
    moved: int = 0
    relinked: int = 0
    """Given another id by Navidrome, or its first."""
    gone: int = 0
    returned: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Named by the source and unusable, such as a path that leads out of the library."""
    notes: tuple[str, ...] = ()
    seconds: float
    """The whole synchronisation, all libraries together."""


def sync(source: MusicSource, *, reread: bool = False, allow_empty: bool = False) -> tuple[SyncReport, ...]:
    """Bring the catalogue to what the source lists now; writes nothing when nothing changed.

    A track that is not listed any more keeps its row and its vectors and is marked as missing,
    also one of a library or a source that is no longer configured.

    Args:
        source: where the tracks are listed.
        reread: read the tags of unchanged files too.
        allow_empty: believe a source that lists no track at all.

    Raises:
        BackendUnavailable: the source does not answer or lists nothing, or another synchronisation was faster.

    """
    started = time.monotonic()
    with _collector_paused():
        rows = _rows()
    listings = source.listings({} if reread else _known(source.kind, rows))
    if not allow_empty and not any(listing.tracks or listing.unchanged for listing in listings):
        _refuse_emptiness(rows)
    try:
        atlas = keep_libraries(source.kind, listings, rows)
        with _collector_paused():
            changes = compare(rows, listings, atlas)
        _write(changes, timezone.now())
    except IntegrityError as error:
        raise CatalogueBusy("The catalogue was changed while it was being synchronised; try again.") from error
    return _reports(listings, atlas, changes, time.monotonic() - started)


def is_known(source: MusicSource) -> bool:
    """Whether the catalogue has tracks of this source: where it does not answer, it is away, and not misnamed."""
    libraries = Library.objects.filter(source=source.kind)
    if source.root:
        libraries = libraries.filter(root=source.root)
    return Track.objects.filter(library__in=libraries).exists()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Hold the garbage collector off values without cycles; walking them all again and again is half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _rows() -> list[Row]:
    """The whole catalogue, of rows with one path the present or most recently lost one last."""
    rows = [
        Row._make((*values[:-3], tuple(values[-3]), *values[-2:]))
        for values in Track.objects.order_by().values_list("id", "library_id", "missing_since", *SAID)
    ]
    present = [row for row in rows if row.missing_since is None]
    missing = [(row.missing_since, row.id, row) for row in rows if row.missing_since is not None]
    return [row for *_, row in sorted(missing, key=lambda lost: lost[:2])] + present


def _known(kind: str, rows: Sequence[Row]) -> Known:
    roots = dict(Library.objects.filter(source=kind).values_list("id", "root"))
    known: dict[str, dict[str, str]] = {root: {} for root in roots.values()}
    for row in rows:
        if row.library_id in roots:
            known[roots[row.library_id]][row.path] = row.signature
    return known


def _refuse_emptiness(rows: Sequence[Row]) -> None:
    present = sum(row.missing_since is None for row in rows)
    if present:
        raise BackendUnavailable(
            f"The source lists no track, and the catalogue knows {present}: is a disk not mounted? "
            "If the music was really removed, run `manage.py sync --allow-empty`."
        )


def _write(changes: Changes, now: datetime) -> None:
    """Write, one short transaction per statement, in an order in which two rows never hold one path.

    Whatever was written when this is interrupted, the next synchronisation completes.
    """
    leaving = [row.id for row in (*changes.gone, *changes.vacated)]
    for ids in _chunks(leaving, IDS):
        Track.objects.filter(id__in=ids, missing_since=None).update(missing_since=now, changed_at=now)
    for ids in _chunks((row.id for row in changes.returned), IDS):
        Track.objects.filter(id__in=ids).update(missing_since=None, changed_at=now)
    # A conflict on the id turns the insert into an update, ten times as fast as bulk_update's CASE WHEN.
    for pairs in _chunks(changes.altered, CHUNK):
        Track.objects.bulk_create(
            [_track(pair.place, pair.track, pair.row) for pair in pairs],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["library", "missing_since", "changed_at", *SAID],
        )
    for added in _chunks(changes.added, CHUNK):
        Track.objects.bulk_create([_track(place, track, None) for place, track in added])


def _track(place: Place, track: SourceTrack, row: Row | None) -> Track:
    said = {name: getattr(track, name) for name in SAID}
    if row is not None:
        # A source that knows nothing of Navidrome does not make its id wrong.
        said |= {"id": row.id, "navidrome_id": track.navidrome_id or row.navidrome_id}
    return Track(library_id=place[0], missing_since=None, **said | {"genres": list(track.genres)})


def _chunks(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    source = iter(values)
    while chunk := list(islice(source, size)):
        yield chunk


def _reports(listings: Sequence[Listing], atlas: Atlas, changes: Changes, seconds: float) -> tuple[SyncReport, ...]:
    said = {atlas.listed[listing.library.external_id]: listing for listing in listings}
    names = dict(Library.objects.filter(id__in=[*said, *changes.counts]).order_by("id").values_list("id", "name"))
    reports = []
    for library_id, name in names.items():
        listing, counts = said.get(library_id), changes.counts.get(library_id, Counter())
        report = SyncReport(
            library=name,
            seconds=seconds,
            skipped=listing.skipped if listing else 0,
            notes=tuple(listing.notes) if listing else (),
            **counts,
        )
        logger.info("catalogue synchronised library=%r counts=%s seconds=%.1f", name, dict(counts), seconds)
        reports.append(report)
    return tuple(reports)
