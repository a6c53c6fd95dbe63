"""A music source that is a plain folder: its audio files, described by their tags or else by their names."""

# ruff: noqa: PTH100, PTH112, PTH119 - file names are bytes here, which pathlib does not know

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from embeddings.errors import BackendUnavailable
from embeddings.library.base import Known, Listing, SourceLibrary, SourceTrack
from embeddings.library.clean import clean_text, name_key, signature
from embeddings.library.tags import Tags, read_tags
from embeddings.library.walk import FoundFile, Walk
from embeddings.paths import to_text

logger = logging.getLogger(__name__)

_NUMBER = 1
_TELL_EVERY = 5_000


class FolderSource:
    """One folder of music; a file that is as the catalogue knows it is not opened."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(os.fsencode(root))
        self.root = to_text(self._root)

    def listings(self, known: Known) -> Sequence[Listing]:
        """The folder as one library.

        Raises:
            BackendUnavailable: the folder is not there or cannot be read.

        """
        root = self.root
        if not os.path.isdir(self._root):
            raise BackendUnavailable(f"The music folder {root} is not there; is its disk mounted?")
        walk = Walk(root=self._root)
        try:
            tracks, unchanged = _read(walk, known.get(root, {}))
        except OSError as error:
            raise BackendUnavailable(f"The music folder {root} cannot be read: {error.strerror}.") from error
        name = clean_text(to_text(os.path.basename(self._root)), 255)
        return [
            Listing(
                library=SourceLibrary(external_id=_NUMBER, name=name, root=root),
                tracks=tracks,
                unchanged=unchanged,
                unseen=walk.unseen,
                skipped=walk.skipped,
                notes=_notes(walk.unseen),
            )
        ]


def _notes(unseen: Sequence[str]) -> list[str]:
    if not unseen:
        return []
    first = ", ".join(repr(clean_text(path, 200)) for path in unseen[:3])
    return [f"{len(unseen)} places could not be looked at, and their tracks are kept as they are, such as {first}."]


def _read(walk: Walk, known: Mapping[str, str]) -> tuple[list[SourceTrack], list[str]]:
    tracks: list[SourceTrack] = []
    unchanged: list[str] = []
    for file in walk.files():
        sign = signature(file.size, file.modified_us)
        if known.get(file.path) == sign:
            unchanged.append(file.path)
        else:
            tracks.append(_track(file, sign, read_tags(file.location)))
            if len(tracks) % _TELL_EVERY == 0:
                logger.info("reading tags files=%s", len(tracks))
    return tracks, unchanged


def _track(file: FoundFile, sign: str, tags: Tags) -> SourceTrack:
    *folders, name = file.path.split("/")
    artist, album = tags.artist, tags.album
    if not (tags.title or artist or album) and len(folders) >= 2:
        # Without tags the common layout `Artist/Album/Title` is the best guess.
        artist, album = clean_text(folders[-2]), clean_text(folders[-1])
    return SourceTrack(
        library_external_id=_NUMBER,
        path=file.path,
        signature=sign,
        size=file.size,
        title=tags.title or clean_text(name.rpartition(".")[0]),
        artist=artist,
        album=album,
        album_artist=tags.album_artist,
        artist_key=name_key(artist),
        album_key=name_key(tags.album_artist or artist, album),
        track_number=tags.track_number,
        disc_number=tags.disc_number,
        year=tags.year,
        genres=tags.genres,
        duration=tags.duration,
        recording_mbid=tags.recording_mbid,
    )
