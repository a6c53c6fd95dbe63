"""Knows the libraries of a source again, under another number or folder, and never takes one for another."""

import os
from collections.abc import Mapping, Sequence
from itertools import count

from embeddings.library.base import Listing, SourceLibrary
from embeddings.library.changes import Atlas
from embeddings.library.matching import Row
from embeddings.models import Library
from embeddings.paths import to_bytes

NEARLY_ALL = 0.9
"""Share of its tracks that a library has to have in another folder to be taken for the same, moved there."""


def keep_libraries(kind: str, listings: Sequence[Listing], rows: Sequence[Row]) -> Atlas:
    """Write the libraries that are new, were renamed or have moved.

    A library is known by its folder, whatever its number and source. In another folder it is the one of that number
    only where nearly all of its tracks are found again: were another one taken for it, all of its own would be lost
    in a library that is there, and their vectors be taken out after a while.
    """
    libraries = list(Library.objects.order_by("id"))
    ours = _by_folder(kind, [listing.library for listing in listings], libraries)
    for listing in listings:
        number = listing.library.external_id
        if number not in ours:
            known = [row for row in libraries if (row.source, row.external_id) == (kind, number)]
            moved = [row for row in known if row not in ours.values() and _has_moved(row, listing, rows)]
            ours[number] = moved[0] if moved else Library()
    _free_numbers(kind, libraries, ours)
    for listing in listings:
        _write(kind, listing.library, ours[listing.library.external_id])
    ids = {number: row.id for number, row in ours.items()}
    return Atlas(listed=ids, roots={row.id: row.root for row in (*libraries, *ours.values())})


def _by_folder(kind: str, listed: Sequence[SourceLibrary], libraries: Sequence[Library]) -> dict[int, Library]:
    """Give the row of each library whose folder the catalogue has; of several the likeliest."""
    places = {row.id: _real(row.root) for row in libraries}
    free = list(libraries)
    found = {}
    for library in listed:
        place = _real(library.root)
        said = (library.root, kind, library.external_id)
        here = [row for row in free if places[row.id] == place]
        if here:
            row = max(here, key=lambda row: [own == other for own, other in zip(_said(row), said, strict=True)])
            found[library.external_id] = row
            free.remove(row)
    return found


def _said(row: Library) -> tuple[str, str, int]:
    return row.root, row.source, row.external_id


def _real(root: str) -> bytes:
    return os.path.realpath(to_bytes(root))


def _has_moved(library: Library, listing: Listing, rows: Sequence[Row]) -> bool:
    """Whether the listing has nearly all tracks of a library: by Navidrome's id, or by path and size.

    Not by their times as well: a copy may have got others.
    """
    every = [row for row in rows if row.library_id == library.id]
    own = [row for row in every if row.missing_since is None] or every
    ids = {track.navidrome_id for track in listing.tracks} - {""}
    files = {(track.path, track.size) for track in listing.tracks}
    found = sum(row.navidrome_id in ids or (row.path, row.size) in files for row in own)
    return found >= NEARLY_ALL * len(own)


def _free_numbers(kind: str, libraries: Sequence[Library], ours: Mapping[int, Library]) -> None:
    """Give other numbers to libraries whose number is another one's now; two never share one."""
    taken = {row.external_id for row in libraries if row.source == kind} | set(ours)
    unused = (number for number in count(1) if number not in taken)
    for row in libraries:
        if row.source == kind and row.external_id in ours and ours[row.external_id] != row:
            row.external_id = next(unused)
            row.save()


def _write(kind: str, library: SourceLibrary, row: Library) -> None:
    said = {"source": kind, "external_id": library.external_id, "name": library.name, "root": library.root}
    if row._state.adding or any(getattr(row, name) != value for name, value in said.items()):
        for name, value in said.items():
            setattr(row, name, value)
        row.save()
