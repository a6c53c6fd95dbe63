"""Finds the audio files below a folder: names and sizes only, nothing is opened and no link is followed out."""

# ruff: noqa: PTH116, PTH118 - file names are bytes here, which pathlib does not know

import errno
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from embeddings.library.clean import is_storable
from embeddings.paths import to_text

logger = logging.getLogger(__name__)

EXTENSIONS = frozenset(
    b"mp3 mp2 mpga flac ogg oga opus spx m4a m4b mp4a mp4 aac alac adts wav wave w64 rf64 aif aiff aifc caf au snd "
    b"wma asf wv ape tta tak ofr mpc mp+ mpp dsf dff mka weba shn ac3 eac3 dts".split()
)
_NOTHING_THERE = frozenset({errno.ELOOP, errno.ENAMETOOLONG})
"""Errors that no repair of a disk makes go away: a link in a circle, a path that nothing can open."""
_NO_MUSIC = frozenset({b"lost+found", b"$RECYCLE.BIN", b"System Volume Information", b"@eaDir", b"#recycle"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One regular audio file below the root."""

    path: str
    """Relative to the root, in the text form of `embeddings.paths`."""
    location: bytes
    """What the operating system opens."""
    size: int
    modified_us: int


@dataclass(slots=True, kw_only=True)
class Walk:
    """One walk over a folder tree, and what it could not look at."""

    root: bytes
    unseen: list[str] = field(default_factory=list)
    """Files, and folders with a trailing `/`, that exist and could not be looked at."""
    skipped: int = 0

    def files(self) -> Iterator[FoundFile]:
        """Audio files in a stable order; folders are taken from a stack, so no depth is too deep."""
        real_root = os.path.realpath(self.root)
        visited: set[tuple[int, int]] = set()
        folders = [b""]
        while folders:
            folder = folders.pop()
            entries = self._entries(folder, visited)
            # Links to folders are never entered: inside the root their target is met on its own.
            inner = [self._below(folder, e.name) for e in entries if e.is_dir(follow_symlinks=False)]
            folders.extend(reversed(inner))
            for entry in entries:
                if _is_audio(entry):
                    found = self._look(self._below(folder, entry.name), entry, real_root)
                    if found:
                        yield found

    def _entries(self, folder: bytes, visited: set[tuple[int, int]]) -> list[os.DirEntry[bytes]]:
        try:
            place = os.stat(os.path.join(self.root, folder))
            # A bind mount can contain itself; some network disks number every file 0.
            if place.st_ino and (place.st_dev, place.st_ino) in visited:
                return []
            visited.add((place.st_dev, place.st_ino))
            with os.scandir(os.path.join(self.root, folder)) as entries:
                return sorted((e for e in entries if not _is_hidden(e.name)), key=lambda e: e.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            if not folder:
                raise
            self._miss(folder, error, slash="/")
            return []

    def _look(self, path: bytes, entry: os.DirEntry[bytes], real_root: bytes) -> FoundFile | None:
        location = os.path.join(self.root, path)
        try:
            if entry.is_symlink() and not os.path.realpath(location, strict=True).startswith(real_root + b"/"):
                self._skip(path, "it is a link that leads out of the library")
                return None
            state = entry.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._miss(path, error)
            return None
        if not stat.S_ISREG(state.st_mode):
            return None
        text = to_text(path)
        if not is_storable(text):
            self._skip(path, "its path is too long")
            return None
        return FoundFile(path=text, location=location, size=state.st_size, modified_us=state.st_mtime_ns // 1000)

    def _miss(self, path: bytes, error: OSError, *, slash: str = "") -> None:
        if error.errno in _NOTHING_THERE:
            self._skip(path, str(error.strerror))
            return
        logger.warning("not looked at path=%r reason=%s", path, error.strerror)
        self.unseen.append(to_text(path) + slash)

    def _skip(self, path: bytes, reason: str) -> None:
        logger.warning("skipped path=%r reason=%s", path, reason)
        self.skipped += 1

    @staticmethod
    def _below(folder: bytes, name: bytes) -> bytes:
        return folder + b"/" + name if folder else name


def _is_hidden(name: bytes) -> bool:
    """Hidden by a leading dot, as AppleDouble files are, or by being a system's own."""
    return name.startswith(b".") or name in _NO_MUSIC


def _is_audio(entry: os.DirEntry[bytes]) -> bool:
    stem, _, extension = entry.name.rpartition(b".")
    return bool(stem) and extension.lower() in EXTENSIONS and not entry.is_dir(follow_symlinks=False)
