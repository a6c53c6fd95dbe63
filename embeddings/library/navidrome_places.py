"""Where Navidrome's libraries lie on this machine, and which library a row's path belongs to."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from embeddings.errors import BackendUnavailable
from embeddings.library.base import SourceLibrary
from embeddings.library.clean import clean_text, is_storable
from embeddings.library.navidrome_rows import Row, Snapshot, row_path
from embeddings.paths import to_text

PathMap = Sequence[tuple[str, str]]
"""Navidrome's folder and ours, longest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The libraries of a snapshot, and what finds a row's place in them."""

    libraries: list[SourceLibrary]
    prefixes: list[tuple[str, int]]
    """Navidrome's folder with its trailing slash and its library, longest first; only for absolute paths."""

    def locate(self, row: Row) -> tuple[int, str] | None:
        """Library number and path of a row; None when its path leads out of every library."""
        if b"\0" in row.path or (b".." in row.path and b".." in row.path.split(b"/")):
            return None
        path = row_path(row)
        if not self.prefixes:
            return (row.library_id or 0, path) if is_storable(path) and not path.startswith("/") else None
        for prefix, library in self.prefixes:
            if path.startswith(prefix) and is_storable(path[len(prefix) :]):
                return library, path[len(prefix) :].lstrip("/")
        return None


def find_places(snapshot: Snapshot, path_map: PathMap) -> Places:
    """The libraries of a snapshot.

    Before 0.53 there is no table of libraries: each mapped folder that holds tracks is one, or
    without a map the folder that all tracks have in common.

    Raises:
        BackendUnavailable: a library's place on this machine cannot be told from what Navidrome says.

    """
    named = [(number, name, to_text(path)) for number, name, path in snapshot.libraries]
    if not named:
        common = enumerate(_folders(snapshot.rows, path_map), start=1)
        named = [(number, posixpath.basename(folder), folder) for number, folder in common]
    libraries = [
        SourceLibrary(external_id=number, name=clean_text(name or "", 255), root=our_root(name, folder, path_map))
        for number, name, folder in named
    ]
    if snapshot.relative:
        return Places(libraries=libraries, prefixes=[])
    folders = [(posixpath.normpath(folder).rstrip("/") + "/", number) for number, _, folder in named]
    return Places(libraries=libraries, prefixes=sorted(folders, key=lambda folder: -len(folder[0])))


def our_root(name: str, folder: str, path_map: PathMap) -> str:
    """Where a folder of Navidrome's lies on this machine; a prefix matches whole components only.

    Raises:
        BackendUnavailable: it lies nowhere that this machine could know.

    """
    for theirs, ours in path_map:
        prefix = theirs.rstrip("/\\")
        rest = folder[len(prefix) :]
        if folder.startswith(prefix) and (not rest or rest[0] in "/\\"):
            folder = ours.rstrip("/") + (rest.replace("\\", "/") if "\\" in theirs else rest)
            break
    folder = posixpath.normpath(folder)
    if not folder.startswith("/") or folder.strip("/") == "":
        raise BackendUnavailable(
            f"Navidrome's library {name!r} lies at {folder!r}, which is no folder of this machine; "
            "name it and its place here in NAVIDROME_PATH_MAP."
        )
    return folder


def _folders(rows: list[Row], path_map: PathMap) -> list[str]:
    paths = [row_path(row) for row in rows]
    if not paths:
        return []
    if not path_map:
        # All that lies between the first and the last in order shares what those two share.
        return [posixpath.commonpath([posixpath.dirname(min(paths)), posixpath.dirname(max(paths))])]
    mapped = [theirs.rstrip("/") for theirs, _ in path_map]
    folders = [folder for folder in mapped if any(path.startswith(folder + "/") for path in paths)]
    if not folders:
        raise BackendUnavailable(f"No folder of NAVIDROME_PATH_MAP holds a track; Navidrome's first is {paths[0]!r}.")
    return folders
