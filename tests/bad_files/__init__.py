"""A collection of bad files as real libraries have them, made without any program outside Python."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tests.bad_files import broken, disguised, filesystem, headers, lengthy, names, signals, tags
from tests.bad_files.case import Case, Shelf

FAMILIES = {
    "broken": broken.fill,
    "disguised": disguised.fill,
    "signals": signals.fill,
    "headers": headers.fill,
    "tags": tags.fill,
    "names": names.fill,
    "filesystem": filesystem.fill,
    "lengthy": lengthy.fill,
}


def make_all(folder: Path, families: Sequence[str] = tuple(FAMILIES)) -> list[Case]:
    """Make the collection in an empty folder.

    It holds a pipe, a socket, circles of links, a folder that nobody may enter and a path that is too
    long to open: walk it with care, and remove it with `filesystem.remove`.
    """
    return [case for name in families for case in FAMILIES[name](Shelf(folder, name))]


@contextmanager
def collection(families: Sequence[str] = tuple(FAMILIES)) -> Iterator[tuple[Path, list[Case]]]:
    """The collection in a folder of its own that every user may enter, removed afterwards."""
    folder = Path(mkdtemp(prefix="bad-files-"))
    folder.chmod(0o755)
    try:
        yield folder, make_all(folder, families)
    finally:
        filesystem.remove(folder)


__all__ = ["FAMILIES", "Case", "collection", "make_all"]
