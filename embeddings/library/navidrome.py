"""A music source that reads Navidrome's own database: every track that Navidrome lists, by Navidrome's id."""

import os
from collections.abc import Sequence
from pathlib import Path

from embeddings.library.base import Known, Listing, SourceLibrary, SourceTrack
from embeddings.library.clean import KEY_LENGTH
from embeddings.library.navidrome_open import read_database
from embeddings.library.navidrome_places import PathMap, find_places
from embeddings.library.navidrome_rows import Row, TrackReader, read_snapshot
from embeddings.paths import to_bytes


class NavidromeSource:
    """The libraries and tracks of one Navidrome; reads all layouts since 0.52, writes nothing."""

    kind = "navidrome"
    root = ""

    def __init__(self, database: Path, path_map: PathMap = ()) -> None:
        self._database = database
        self._path_map = path_map

    def listings(self, known: Known) -> Sequence[Listing]:
        """All libraries with their present tracks, as of one moment.

        Raises:
            BackendUnavailable: no database, not Navidrome's, not readable now, or a library lies nowhere here.

        """
        snapshot = read_database(self._database, read_snapshot)
        places = find_places(snapshot, self._path_map)
        reader = TrackReader(snapshot.genres)
        found: dict[int, dict[str, SourceTrack]] = {library.external_id: {} for library in places.libraries}
        refused: dict[int, list[Row]] = {number: [] for number in found}
        for row in snapshot.rows:
            number, path = places.locate(row) or (row.library_id, "")
            if number not in found:
                number, path = next(iter(found), 0), ""
            if path and path not in found[number] and 0 < len(row.id) <= KEY_LENGTH:
                found[number][path] = reader.track(row, number, path)
            else:
                refused.setdefault(number, []).append(row)
        return [
            _listing(library, found[library.external_id], refused[library.external_id]) for library in places.libraries
        ]


def _listing(library: SourceLibrary, found: dict[str, SourceTrack], refused: list[Row]) -> Listing:
    notes = []
    if not os.path.isdir(to_bytes(library.root)):  # noqa: PTH112 - pathlib knows no bytes
        notes.append(
            f"{library.root} is no folder of this machine, so no file of {library.name!r} can be read; "
            "NAVIDROME_PATH_MAP says where Navidrome's folders lie here."
        )
    if refused:
        notes.append(
            f"{len(refused)} tracks of {library.name!r} were skipped: their path leads out of the library, "
            f"is too long, or occurs twice; the first is {refused[0].path!r}."
        )
    return Listing(library=library, tracks=list(found.values()), skipped=len(refused), notes=notes)
