"""Finds out which of our tracks each row of an archive is, the surest evidence first."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from django.db.models import Q

from embeddings.jobs.archive.parts import ArchivedRow
from embeddings.models import Track
from embeddings.store.checks import batches

SAME_SECONDS = 1.0
"""Two durations of one recording differ by no more."""
IDS = 500
"""Values in one condition; databases limit how many parameters a statement has."""

Choice = Callable[[ArchivedRow, Sequence[Track]], Track | None]


def sure(rows: Sequence[ArchivedRow]) -> dict[str, Track]:
    """Tracks of rows by id, for those that are known by our id, by Navidrome's, or by place and content."""
    found = _matched(rows, "pk", lambda row: _uuid(row.id), _same_file, present=False)
    for field, key, choose in (
        ("navidrome_id", lambda row: row.navidrome_id, _only),
        ("path", lambda row: row.path, _same_content),
    ):
        left = [row for row in rows if row.id not in found]
        found |= _matched(left, field, key, choose)
    return found


def likely(rows: Sequence[ArchivedRow]) -> dict[str, Track]:
    """Tracks of rows by id, for those whose recording, of the same length, is one track's alone."""
    return _matched(rows, "recording_mbid", lambda row: row.recording_mbid, _same_length)


def _matched(
    rows: Sequence[ArchivedRow],
    field: str,
    key: Callable[[ArchivedRow], object],
    choose: Choice,
    *,
    present: bool = True,
) -> dict[str, Track]:
    """Look the rows up by one field, and let one of the tracks that have it be chosen for each."""
    tracks = _tracks(field, {value for row in rows if (value := key(row))}, present=present)
    chosen = ((row, choose(row, tracks[key(row)])) for row in rows if key(row) in tracks)
    return {row.id: track for row, track in chosen if track is not None}


def _tracks(field: str, values: Iterable[object], *, present: bool) -> dict[object, list[Track]]:
    found: dict[object, list[Track]] = defaultdict(list)
    condition = Q(missing_since=None) if present else Q()
    for some in batches(list(values), IDS):
        for track in Track.objects.filter(condition, **{f"{field}__in": some}).select_related("library"):
            found[getattr(track, field)].append(track)
    return dict(found)


def _same_file(row: ArchivedRow, tracks: Sequence[Track]) -> Track | None:
    """A database that was set up anew gives no id again; one that was copied may call another file by it."""
    return next((track for track in tracks if row.path == track.path or row.signature == track.signature), None)


def _only(_row: ArchivedRow, tracks: Sequence[Track]) -> Track | None:
    return tracks[0] if len(tracks) == 1 else None


def _same_content(row: ArchivedRow, tracks: Sequence[Track]) -> Track | None:
    """The file at this path with this size and time; of several libraries with such a file, the one of this number."""
    same = [track for track in tracks if track.signature == row.signature]
    theirs = (row.library_source, row.library_external_id)
    listed = [track for track in same if (track.library.source, track.library.external_id) == theirs]
    return _only(row, listed or same)


def _same_length(row: ArchivedRow, tracks: Sequence[Track]) -> Track | None:
    length = row.duration
    if length is None:
        return None
    near = [track for track in tracks if track.duration is not None and abs(track.duration - length) <= SAME_SECONDS]
    return _only(row, near)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
