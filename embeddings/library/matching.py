"""Decides which row of the catalogue is which track of the source, however ids, paths and tags have changed."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from embeddings.library.base import SourceTrack
from embeddings.library.navidrome_ids import canonical

Place = tuple[int, str]
"""Our number of a library, and a path in it."""

SAME_SECONDS = 1.0
"""Two durations of one recording differ by no more."""


class Row(NamedTuple):
    """A track as the catalogue holds it; the fields from `path` on are named as in `SourceTrack`."""

    id: UUID
    library_id: int
    missing_since: datetime | None
    path: str
    navidrome_id: str
    signature: str
    size: int
    title: str
    artist: str
    album: str
    album_artist: str
    artist_key: str
    album_key: str
    track_number: int | None
    disc_number: int | None
    year: int | None
    genres: tuple[str, ...]
    duration: float | None
    recording_mbid: str


class Pair(NamedTuple):
    """A row, the track that it is, and where that track lies now."""

    row: Row
    place: Place
    track: SourceTrack


class Matching:
    """One round of matching; each step takes what it pairs out of `rows` and `tracks`."""

    def __init__(self, rows: Iterable[tuple[Place, Row]], tracks: Iterable[tuple[Place, SourceTrack]]) -> None:
        """Take the rows, those to prefer last, with the place that each had in the libraries of now."""
        placed = list(rows)
        self._place_of = {row.id: place for place, row in placed}
        self.rows = {row.id: row for _, row in placed}
        self.tracks = dict(tracks)
        self.pairs: list[Pair] = []

    def run(self, hidden: Callable[[Row], bool]) -> None:
        """Pair by Navidrome's id, place, content and recording, the surest evidence first.

        Args:
            hidden: whether a row's place could not be looked at, so that nobody knows whether it moved away.

        """
        self._pair(lambda row: row.navidrome_id or None, lambda _, track: track.navidrome_id or None)
        # Navidrome 0.64 wrote nearly all ids anew, by a rule that can be followed.
        self._pair(lambda row: canonical(row.navidrome_id) or None, lambda _, track: track.navidrome_id or None)
        # Before the place alone: two files that swapped their names are two moves, not two changes.
        self._pair(lambda row: (self._place_of[row.id], row.signature), lambda place, track: (place, track.signature))
        self._pair_single(_content_and_title, hidden)
        self._pair_single(_exact_content, hidden)
        self._pair(lambda row: self._place_of[row.id], lambda place, _: place)
        self._pair_recordings(hidden)

    def _pair(
        self, row_key: Callable[[Row], Hashable | None], track_key: Callable[[Place, SourceTrack], Hashable | None]
    ) -> None:
        """Pair equal keys; of several rows with one key the last is taken."""
        if not (self.rows and self.tracks):
            return
        index = {row_key(row): row for row in self.rows.values()}
        for place, track in list(self.tracks.items()):
            key = track_key(place, track)
            row = index.pop(key, None) if key is not None else None
            if row is not None:
                self._take(row, place)

    def _pair_single(self, key: Callable[[Row | SourceTrack], Hashable | None], hidden: Callable[[Row], bool]) -> None:
        """Pair keys that occur once among the rows and once among the tracks."""
        if not (self.rows and self.tracks):
            return
        rows = [row for row in self.rows.values() if not hidden(row)]
        of_rows = Counter(key(row) for row in rows)
        of_tracks = Counter(key(track) for track in self.tracks.values())
        index = {key(row): row for row in rows}
        for place, track in list(self.tracks.items()):
            found = key(track)
            if found is not None and of_rows[found] == of_tracks[found] == 1:
                self._take(index[found], place)

    def _pair_recordings(self, hidden: Callable[[Row], bool]) -> None:
        """Pair tracks of one recording and length, where only one row and one track can be meant."""
        rows: dict[str, list[Row]] = {}
        for row in self.rows.values():
            if row.recording_mbid and not hidden(row):
                rows.setdefault(row.recording_mbid, []).append(row)
        found: dict[UUID, list[Place]] = {}
        for place, track in self.tracks.items():
            near = [row for row in rows.get(track.recording_mbid, ()) if _same_length(row, track)]
            # With two rows to choose from the track stays new, and neither row may be taken by another.
            for row in near:
                found.setdefault(row.id, []).extend([place] if len(near) == 1 else [place, place])
        for row_id, places in found.items():
            if len(places) == 1:
                self._take(self.rows[row_id], places[0])

    def _take(self, row: Row, place: Place) -> None:
        del self.rows[row.id]
        self.pairs.append(Pair(row, place, self.tracks.pop(place)))


def _content_and_title(track: Row | SourceTrack) -> Hashable | None:
    return None if track.signature.endswith("-") else (track.signature, track.title, track.duration)


def _exact_content(track: Row | SourceTrack) -> Hashable | None:
    # Archives and some file systems keep whole seconds only; then equal size and time may be chance.
    exact = not track.signature.endswith(("-", ":0", "000000"))
    return (track.signature, track.duration) if exact else None


def _same_length(row: Row, track: SourceTrack) -> bool:
    if row.duration is None or track.duration is None:
        return False
    return abs(row.duration - track.duration) <= SAME_SECONDS
