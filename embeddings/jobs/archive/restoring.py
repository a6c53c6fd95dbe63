"""Reads an archive into a generation of its own; what is there already is passed over, so it goes on after a crash."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.db import transaction

from embeddings.domain import Actor, EmbedderSpec, VectorRow
from embeddings.embedders import SPECS
from embeddings.errors import Refused
from embeddings.jobs.archive import Report, folder, mapping, parts
from embeddings.jobs.archive.manifest import MANIFEST, Manifest, read_manifest
from embeddings.jobs.archive.parts import ArchivedRow
from embeddings.jobs.archive.report import ImportReport, Unmapped
from embeddings.jobs.generations import open_generation, prepare, refuse_during_job
from embeddings.models import AuditEntry, Generation, GenerationState, Origin, Track, TrackVector
from embeddings.store import checks
from embeddings.store.base import VectorStore
from embeddings.store.checks import Widths

UNKNOWN = "no track of the catalogue is certainly this one"
TAKEN = "another row of the archive is the same track"
ENOUGH = 0.5
"""Share of what is live that an archive has to hold to take its place unasked."""

log = logging.getLogger(__name__)


def run(place: Path, store: VectorStore, *, by: Actor, report: Report, allow_fewer: bool) -> ImportReport:
    """Check everything, then write."""
    folder.refuse_links(place)
    with folder.held(place):
        manifest = read_manifest(place / MANIFEST)
        spec = _fitting_spec(manifest)
        refuse_during_job(spec.key)
        _check_parts(place, manifest, report)
        if not allow_fewer:
            _refuse_loss(place, manifest, store, report)
        generation = _generation(manifest, spec, store, by)
        prepare(spec, generation, store)
        generation.refresh_from_db()
        return Import(generation, manifest, place, store).run(report)


class Import:
    """One archive on its way into one generation."""

    def __init__(self, generation: Generation, manifest: Manifest, place: Path, store: VectorStore) -> None:
        """Start with nothing stored."""
        self._generation = generation
        self._manifest = manifest
        self._place = place
        self._store = store
        self._widths = Widths(embedding=generation.dimension, joint=generation.joint_dimension)
        self._given: set[UUID] = set()
        """Our tracks that got a vector."""
        self._strangers: dict[str, Unmapped] = {}
        """Rows that are none of our tracks, by id."""
        self._stored = self._already = self._stale = 0

    def run(self, report: Report) -> ImportReport:
        """Store what is surely ours, then what is likely, and verify."""
        recordings = False
        for rows in _pages(self._place, self._manifest):
            found = mapping.sure(rows)
            left = [row for row in rows if row.id not in found]
            self._strangers |= {row.id: _unmapped(row, UNKNOWN) for row in left}
            recordings = recordings or any(row.recording_mbid for row in left)
            self._take([(row, found[row.id]) for row in rows if row.id in found])
            report(f"{len(self._given):,} of {self._manifest.count:,} vectors imported")
        for rows in _pages(self._place, self._manifest) if recordings else ():
            found = mapping.likely([row for row in rows if row.id in self._strangers])
            self._strangers = {key: row for key, row in self._strangers.items() if key not in found}
            self._take([(row, found[row.id]) for row in rows if row.id in found])
        self._store.flush(self._generation.collection)
        self._verify()
        log.info("generation imported collection=%s stored=%s", self._generation, self._stored)
        return self._reported()

    def _take(self, pairs: Sequence[tuple[ArchivedRow, Track]]) -> None:
        """Write the vectors of tracks that have none yet, then the rows that say so."""
        fresh: list[tuple[ArchivedRow, Track]] = []
        for row, track in pairs:
            if track.pk in self._given:
                self._strangers[row.id] = _unmapped(row, TAKEN)
                continue
            self._given.add(track.pk)
            fresh.append((row, track))
            self._stale += row.signature != track.signature
        held = self._held([track for _, track in fresh])
        due = [(row, track) for row, track in fresh if track.pk not in held]
        self._upsert([_vector_row(row, track) for row, track in due])
        TrackVector.objects.record(
            [TrackVector(generation=self._generation, track=track, signature=row.signature) for row, track in due]
        )
        self._stored += len(due)
        self._already += len(fresh) - len(due)

    def _held(self, tracks: Sequence[Track]) -> set[UUID]:
        ids = [track.pk for track in tracks]
        held = (self._generation.vectors.filter(track__in=some) for some in checks.batches(ids, mapping.IDS))
        return {found for rows in held for found in rows.values_list("track_id", flat=True)}

    def _upsert(self, rows: Sequence[VectorRow]) -> None:
        try:
            checks.check_rows(rows, self._widths)
        except ValueError as error:
            raise Refused(f"{self._place} holds what no store takes: {error}", code="bad_archive") from error
        self._store.upsert(self._generation.collection, rows)

    def _verify(self) -> None:
        """Compare what was imported with what the database names and the store counts."""
        named, stored = self._generation.vectors.count(), self._store.count(self._generation.collection)
        if not named == stored >= self._stored + self._already:
            raise Refused(
                f"{self._generation} has {stored:,} vectors, the database names {named:,}, and "
                f"{self._stored + self._already:,} were imported. Have it verified before it is used.",
                code="counts_differ",
            )

    def _reported(self) -> ImportReport:
        return ImportReport(
            generation=self._generation,
            rows=self._manifest.count,
            stored=self._stored,
            already=self._already,
            stale=self._stale,
            unmapped=tuple(self._strangers.values()),
        )


def _unmapped(row: ArchivedRow, reason: str) -> Unmapped:
    return Unmapped(name=row.name, path=row.path, reason=reason)


def _pages(place: Path, manifest: Manifest) -> Iterator[list[ArchivedRow]]:
    size = checks.rows_per_page(_widths(manifest).total)
    for part in manifest.parts:
        yield from parts.read(place / part.name, rows=size)


def _check_parts(place: Path, manifest: Manifest, report: Report) -> None:
    for number, part in enumerate(manifest.parts, start=1):
        report(f"Checking part {number} of {len(manifest.parts)}")
        if not folder.is_whole(place, part):
            raise Refused(f"{place / part.name} is missing, or not as it was written.", code="bad_archive")
        parts.check(place / part.name, parts.schema(manifest.dimension, manifest.joint_dimension), part.rows)


def _refuse_loss(place: Path, manifest: Manifest, store: VectorStore, report: Report) -> None:
    """Refuse to forget what is live, as is done where its collection is not in the store, for far fewer vectors."""
    live = Generation.objects.live(manifest.model)
    if live is None or live.collection in store.collections():
        return
    held, known = live.vectors.count(), set[UUID]()
    for rows in _pages(place, manifest) if held else ():
        found = mapping.sure(rows)
        found |= mapping.likely([row for row in rows if row.id not in found])
        known |= {track.pk for track in found.values()}
        report(f"{len(known):,} of {manifest.count:,} vectors are of tracks of the catalogue")
    if len(known) < ENOUGH * held:
        raise Refused(
            f"The store lacks {live}, of whose {held:,} vectors the database knows, and only {len(known):,} of the "
            "archive are of tracks of the catalogue; those others would be forgotten. Is MILVUS_URI right, and is the "
            "catalogue in step (manage.py sync)? If so, import it with --allow-fewer.",
            code="fewer_vectors",
        )


def _fitting_spec(manifest: Manifest) -> EmbedderSpec:
    """Refuse an archive whose vectors this version could not serve."""
    spec = SPECS.get(manifest.model)
    if spec is None:
        known = ", ".join(SPECS)
        raise Refused(f"The archive is of the model {manifest.model!r}; this version knows {known}.", code="misfit")
    if manifest.spec_version > spec.version:
        raise Refused(
            f"The archive holds vectors of {spec.key} in version {manifest.spec_version}, and this program makes "
            f"version {spec.version}: it comes from a newer one.",
            code="misfit",
        )
    ours, theirs = Widths(embedding=spec.dimension, joint=spec.joint_dimension), _widths(manifest)
    if theirs not in (ours, replace(ours, joint=0)):
        raise Refused(f"The archive holds vectors of {theirs}; those of {spec.key} have {ours}.", code="misfit")
    return spec


def _widths(manifest: Manifest) -> Widths:
    return Widths(embedding=manifest.dimension, joint=manifest.joint_dimension)


def _generation(manifest: Manifest, spec: EmbedderSpec, store: VectorStore, by: Actor) -> Generation:
    """The generation that an earlier run of this import has begun, or a new one."""
    begun = Generation.objects.filter(model=spec.key, archive=manifest.digest)
    if (found := begun.filled().order_by("-number").first()) is not None:
        return found
    if (retired := begun.filter(state=GenerationState.RETIRED).first()) is not None:
        raise Refused(f"This archive was imported as {retired}, which is retired: promote it again.", code="retired")
    made = replace(spec, version=manifest.spec_version, joint_dimension=manifest.joint_dimension)
    identity = manifest.identity
    live = Generation.objects.live(spec.key)
    state, taken = GenerationState.BUILDING if live else GenerationState.LIVE, store.collections()
    with transaction.atomic():
        generation = open_generation(made, identity, state=state, taken=taken)
        Generation.objects.filter(pk=generation.pk).update(origin=Origin.IMPORTED, archive=manifest.digest)
        details = {"from": manifest.collection, "rows": manifest.count}
        AuditEntry.objects.note("import", by, generation=generation, details=details)
    return generation


def _vector_row(row: ArchivedRow, track: Track) -> VectorRow:
    """The vector as it was, with the fields that searches here filter by."""
    return track.labels(offset=row.offset, model_id=row.model_id).row(str(track.pk), row.embedding, row.joint)
