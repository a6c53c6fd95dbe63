"""Compares the catalogue with what its source lists now: what to write, and nothing is written here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from uuid import UUID

from embeddings.library.base import Listing, SourceTrack
from embeddings.library.matching import Matching, Pair, Place, Row

SAID = Row._fields[3:]
"""The fields that a source says about a track."""
_content = attrgetter(*Row._fields[5:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """The libraries of the catalogue while their source is read."""

    listed: Mapping[int, int]
    """Our number of each library that the source lists, by the source's number."""
    roots: Mapping[int, str]
    """Folder by our number, of every library in the catalogue."""

    def place_now(self, row: Row) -> Place:
        """A row's place; one of a library that is listed no more, in the listed library that holds its file."""
        if row.library_id in self.listed.values():
            return row.library_id, row.path
        file = f"{self.roots[row.library_id]}/{row.path}"
        for library_id in self.listed.values():
            prefix = self.roots[library_id] + "/"
            if file.startswith(prefix):
                return library_id, file.removeprefix(prefix)
        return row.library_id, row.path


@dataclass(slots=True, kw_only=True)
class Changes:
    """What one synchronisation has to write, and its counts by library."""

    added: list[tuple[Place, SourceTrack]] = field(default_factory=list)
    altered: list[Pair] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)
    vacated: list[Row] = field(default_factory=list)
    """Rows whose place another row takes, set aside before anything is written there."""
    returned: list[Row] = field(default_factory=list)
    """Rows that only have to be marked as present."""
    counts: dict[int, Counter[str]] = field(default_factory=dict)

    def count(self, library_id: int, what: str, number: int = 1) -> None:
        """Count for the report."""
        self.counts.setdefault(library_id, Counter())[what] += number


def compare(rows: Sequence[Row], listings: Sequence[Listing], atlas: Atlas) -> Changes:
    """Find what is new, altered, gone and back.

    Args:
        rows: the whole catalogue; of rows with one path the one to prefer last.
        listings: what the source says.
        atlas: the libraries of both.

    """
    changes = Changes()
    placed = [(atlas.place_now(row), row) for row in rows]
    kept = _take_unchanged(placed, listings, atlas, changes)
    matching = Matching(
        [(place, row) for place, row in placed if row.id not in kept],
        [((atlas.listed[track.library_external_id], track.path), track) for said in listings for track in said.tracks],
    )
    unseen = _Unseen(listings, atlas, listed=set(matching.tracks))
    matching.run(hidden=unseen.covers)
    for pair in matching.pairs:
        _sort_in(pair, changes)
    changes.added = list(matching.tracks.items())
    for (library_id, _), _ in changes.added:
        changes.count(library_id, "added")
    for row in matching.rows.values():
        if row.missing_since is None and not unseen.covers(row):
            changes.gone.append(row)
            changes.count(row.library_id, "gone")
    _set_aside(changes)
    return changes


def _take_unchanged(
    placed: Iterable[tuple[Place, Row]], listings: Sequence[Listing], atlas: Atlas, changes: Changes
) -> set[UUID]:
    """Count the tracks that were not read again, and give the ids of their rows."""
    index = dict(placed)
    kept: set[UUID] = set()
    for listing in listings:
        library_id = atlas.listed[listing.library.external_id]
        for path in listing.unchanged:
            row = index[library_id, path]
            kept.add(row.id)
            if row.missing_since is not None:
                changes.returned.append(row)
            changes.count(library_id, "unchanged" if row.missing_since is None else "returned")
    return kept


def _sort_in(pair: Pair, changes: Changes) -> None:
    row, place, track = pair
    said = {
        "moved": (row.library_id, row.path) != place,
        "relinked": track.navidrome_id not in {"", row.navidrome_id},
        "returned": row.missing_since is not None,
        "changed": _content(row) != _content(track),
    }
    flags = [what for what, is_so in said.items() if is_so]
    if flags:
        changes.altered.append(pair)
    for what in flags or ["unchanged"]:
        changes.count(place[0], what)


def _set_aside(changes: Changes) -> None:
    taken = {place for place, _ in changes.added} | {pair.place for pair in changes.altered}
    changes.vacated = [
        row
        for row, place, _ in changes.altered
        if row.missing_since is None and (row.library_id, row.path) != place and (row.library_id, row.path) in taken
    ]


class _Unseen:
    """The places that a source could not look at."""

    def __init__(self, listings: Sequence[Listing], atlas: Atlas, *, listed: set[Place]) -> None:
        self._listed = listed
        self._unseen = {
            atlas.listed[listing.library.external_id]: listing.unseen for listing in listings if listing.unseen
        }

    def covers(self, row: Row) -> bool:
        """Whether a row's file may still be where it was."""
        return (row.library_id, row.path) not in self._listed and any(
            row.path == unseen or (unseen.endswith("/") and row.path.startswith(unseen))
            for unseen in self._unseen.get(row.library_id, ())
        )
