"""Writes a generation into a folder, page by page, so that a crash anywhere loses one part at most."""

import dataclasses
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

from embeddings.domain import Vector, VectorRow
from embeddings.errors import Refused
from embeddings.jobs.archive import Report, Stopped, folder, parts
from embeddings.jobs.archive.manifest import DRAFT, MANIFEST, Manifest, Part, read_manifest
from embeddings.jobs.archive.parts import ArchivedRow, PartWriter
from embeddings.models import Generation, TrackVector
from embeddings.store.base import CollectionMissing, VectorStore
from embeddings.store.checks import batches

log = logging.getLogger(__name__)

PART_BYTES = 64 * 1024 * 1024
"""Vectors of one part: what a crash costs, and what a file of 100,000 tracks is divided into."""
IDS = 500
"""Ids in one condition; databases limit how many parameters a statement has."""

FACTS = {
    "signature": "signature",
    "stored_at": "stored_at",
    "library_source": "track__library__source",
    "library_external_id": "track__library__external_id",
    "library_name": "track__library__name",
    "path": "track__path",
    "navidrome_id": "track__navidrome_id",
    "recording_mbid": "track__recording_mbid",
    "title": "track__title",
    "artist": "track__artist",
    "album": "track__album",
    "duration": "track__duration",
}
"""What the catalogue knows of a row, and where."""


Page = tuple[str, Sequence[ArchivedRow]]
"""The id up to which the store was read, and what was found; no id for stragglers."""


class Export:
    """One export of one generation into one folder."""

    def __init__(
        self,
        generation: Generation,
        place: Path,
        store: VectorStore,
        report: Report,
        should_stop: Callable[[], bool],
    ) -> None:
        """Take the collaborators; nothing is written yet."""
        self.part_bytes = PART_BYTES
        self._generation = generation
        self._place = place
        self._store = store
        self._report = report
        self._should_stop = should_stop
        self._draft = Manifest.of(generation, run=secrets.token_hex(4), exported_at=timezone.now().isoformat())
        self._columns = parts.schema(generation.dimension, generation.joint_dimension)
        self._known = 0

    def run(self, *, allow_lacking: bool) -> Manifest:
        """Write what is not written yet, and finish."""
        try:
            with folder.held(self._place):
                self._begin()
                self._known = self._generation.vectors.count()
                self._write(self._pages())
                self._write(self._stragglers())
                self._verify(allow_lacking=allow_lacking)
                self._finish()
        except CollectionMissing as error:
            raise Refused(f"There is nothing to export: {error}", code="collection_missing") from error
        except OSError as error:
            why = f"{self._place} cannot be written: {error.strerror or error}."
            raise Refused(f"{why} What is complete stays, and an export goes on there.", code="bad_folder") from error
        return self._draft

    def _begin(self) -> None:
        """Find out what the folder holds, and take a draft of ours up again; a complete archive in it stays."""
        folder.refuse_links(self._place)
        folder.refuse_others(self._place)
        old = self._own(self._place / MANIFEST)
        draft = self._own(self._place / DRAFT)
        if draft is not None:
            # Reading went on behind each part, so what follows a damaged one is read again; stragglers come last.
            kept = takewhile(lambda part: part.last_id and folder.is_whole(self._place, part), draft.parts)
            self._draft = dataclasses.replace(draft, parts=tuple(kept))
            self._report(f"Going on after {self._draft.count:,} vectors that are in {self._place} already.")
        folder.write(self._place / DRAFT, self._draft.text())
        folder.remove_leftovers(self._place, *([old] if old else []), self._draft)

    def _own(self, file: Path) -> Manifest | None:
        if not file.exists():
            return None
        found = read_manifest(file)
        if file.name == DRAFT and not found.parts:
            # Begun and nothing more: no reason to keep another generation out.
            return None
        if not found.names(self._draft):
            ours, theirs = self._draft.collection, found.collection
            same = " of another database, or of an earlier time" if ours == theirs else ""
            sentence = f"{self._place} holds an archive of {theirs}{same}; name another folder for {ours}."
            raise Refused(sentence, code="folder_taken")
        return found

    def _pages(self) -> Iterator[Page]:
        """Rows of the store that are not in a part yet, with the id up to which they were read."""
        began = timezone.now()
        for page in self._store.rows(self._generation.collection, after=self._draft.last_id):
            facts = self._facts([row.id for row in page], before=began)
            yield page[-1].id, [_archived(row, facts[row.id]) for row in page if row.id in facts]
            began = timezone.now()

    def _stragglers(self) -> Iterator[Page]:
        """Rows that were written while others were read."""
        for ids in batches(self._missing(), IDS):
            # The facts first: a vector that is newer than its signature is taken for stale, and made again.
            facts = self._facts(ids)
            collection = self._generation.collection
            own, labels = self._store.fetch(collection, ids), self._store.labels(collection, ids)
            joint: Mapping[str, Vector] = {}
            if self._generation.joint_dimension:
                joint = self._store.fetch(collection, ids, field="joint")
            rows = [labels[key].row(key, own[key], joint.get(key)) for key in ids if key in own and key in labels]
            yield "", [_archived(row, facts[row.id]) for row in rows if row.id in facts]

    def _write(self, pages: Iterator[Page]) -> None:
        """Write pages into parts, each of which is complete or not there."""
        most = self.part_bytes // (4 * (self._generation.dimension + self._generation.joint_dimension))
        while (page := next(pages, None)) is not None:
            name = f"part-{self._draft.run}-{len(self._draft.parts) + 1:05d}.parquet"
            fresh = self._place / (name + folder.NEW)
            with PartWriter(fresh, self._columns) as writer:
                while page is not None:
                    last_id, rows = page
                    writer.add(rows)
                    self._tell(writer.rows)
                    page = next(pages, None) if writer.rows < most else None
            self._complete(fresh, name, writer.rows, last_id)

    def _complete(self, fresh: Path, name: str, rows: int, last_id: str) -> None:
        if not rows:
            fresh.unlink()
            return
        folder.complete(fresh, self._place / name)
        whole = self._place / name
        part = Part(name=name, rows=rows, bytes=whole.stat().st_size, sha256=folder.digest(whole), last_id=last_id)
        self._draft = self._draft.with_part(part)
        folder.write(self._place / DRAFT, self._draft.text())

    def _tell(self, rows: int) -> None:
        if self._should_stop():
            raise Stopped(f"Stopped; {self._draft.count:,} vectors are in {self._place}, and an export goes on there.")
        self._report(f"{self._draft.count + rows:,} of {self._known:,} vectors exported")

    def _facts(self, ids: Sequence[str], *, before: datetime | None = None) -> dict[str, dict[str, Any]]:
        """What the catalogue knows of these rows; of those that are newer, nothing: they are looked at again."""
        known = [key for key in ids if _is_uuid(key)]
        found: dict[str, dict[str, Any]] = {}
        for some in batches(known, IDS):
            rows = TrackVector.objects.filter(generation=self._generation, track_id__in=some)
            rows = rows if before is None else rows.filter(stored_at__lt=before)
            for key, *values in rows.values_list("track_id", *FACTS.values()):
                found[str(key)] = dict(zip(FACTS, values, strict=True))
        return found

    def _missing(self) -> list[str]:
        """Ids that the database names and no part holds."""
        ids = self._generation.vectors.values_list("track_id", flat=True).iterator(chunk_size=10_000)
        return parts.lacking(map(str, ids), [self._place / part.name for part in self._draft.parts])

    def _verify(self, *, allow_lacking: bool) -> None:
        """Compare what the parts hold with what the database names and the store counts."""
        missing = self._missing()
        self._draft = dataclasses.replace(self._draft, lacking=len(missing))
        stored, known = self._store.count(self._generation.collection), self._generation.vectors.count()
        if unclaimed := max(0, stored - known + len(missing)):
            self._report(f"{unclaimed:,} vectors that no track of the database claims were left out.")
        if missing and not allow_lacking:
            raise Refused(
                f"{self._generation} lacks the vectors of {len(missing):,} tracks that the database says it holds "
                f"(the store has {stored:,}, {self._draft.count:,} are exported); the first is {missing[0]}. Embed "
                "them again, or export without them (--allow-lacking); what is written stays.",
                code="vectors_lacking",
            )

    def _finish(self) -> None:
        """Put the new archive in the place of an older one."""
        folder.write(self._place / MANIFEST, self._draft.text())
        (self._place / DRAFT).unlink()
        folder.remove_leftovers(self._place, self._draft)
        log.info("generation exported collection=%s rows=%s", self._generation, self._draft.count)


def _archived(row: VectorRow, facts: Mapping[str, Any]) -> ArchivedRow:
    return ArchivedRow(
        id=row.id, embedding=row.embedding, joint=row.joint, offset=row.offset, model_id=row.model_id, **facts
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
