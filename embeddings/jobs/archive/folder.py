"""The folder of an archive: what may be in it, files that are there whole or not at all, and digests."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embeddings.errors import Refused
from embeddings.jobs.archive.manifest import DRAFT, MANIFEST, PART_NAME, Manifest, Part

NEW = ".new"
"""Ending of a file that is not complete."""
READ_BYTES = 1024 * 1024


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other exports and imports out of the folder.

    Raises:
        Refused: another one is under way, or the folder cannot be used.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Refused(f"{folder} cannot be used: {error.strerror}.", code="bad_folder") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused(f"Another export or import uses {folder}; wait for it.", code="folder_busy") from None
    finally:
        os.close(handle)


def refuse_links(folder: Path) -> None:
    """Refuse a folder in which anything leads elsewhere.

    Raises:
        Refused: it is no folder, or holds a link.

    """
    try:
        links = [entry.name for entry in os.scandir(folder) if entry.is_symlink()]
    except OSError as error:
        raise Refused(f"{folder} cannot be read: {error.strerror}.", code="bad_folder") from error
    if links:
        raise Refused(f"{folder} holds a link, {links[0]}; an archive consists of plain files.", code="bad_folder")


def refuse_others(folder: Path) -> None:
    """Refuse to write where somebody keeps something else.

    Raises:
        Refused: the folder holds a file that no export writes.

    """
    others = [path.name for path in sorted(folder.iterdir()) if not _is_ours(path)]
    if others:
        sentence = f"{folder} holds {others[0]}, which no export has written; name an empty folder, or a new one."
        raise Refused(sentence, code="folder_taken")


def remove_leftovers(folder: Path, *kept: Manifest) -> None:
    """Remove parts that none of the manifests names, and files that were not completed."""
    named = {part.name for manifest in kept for part in manifest.parts}
    for path in folder.iterdir():
        if _is_ours(path) and path.name not in {MANIFEST, DRAFT, *named}:
            path.unlink()


def write(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old or the new one."""
    fresh = path.with_name(path.name + NEW)
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    complete(fresh, path)


def complete(fresh: Path, path: Path) -> None:
    """Give a written file its name, for good."""
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            found.update(block)
    return found.hexdigest()


def is_whole(folder: Path, part: Part) -> bool:
    """Whether a part is as it was written."""
    path = folder / part.name
    try:
        return path.stat().st_size == part.bytes and digest(path) == part.sha256
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    name = path.name.removesuffix(NEW)
    return path.is_file() and not path.is_symlink() and (name in {MANIFEST, DRAFT} or bool(PART_NAME.fullmatch(name)))
