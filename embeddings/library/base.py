"""The protocol of a music source: where the catalogue learns which tracks exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Known = Mapping[str, Mapping[str, str]]
"""What the catalogue holds already: root of a library -> path -> signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLibrary:
    """One library of a source, and where its files are on this machine."""

    external_id: int
    name: str
    root: str
    """Absolute folder on this machine, in the text form of `embeddings.paths`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrack:
    """One track as its source describes it; every text is clean and fits its column."""

    library_external_id: int
    path: str
    """Relative to its library's root, `/`-separated, in the text form of `embeddings.paths`."""
    signature: str
    """Changes when the file changes: size and modification time."""
    size: int
    title: str
    artist: str
    album: str
    album_artist: str
    artist_key: str
    """Stable key of the artist: Navidrome's id, or one made of the name."""
    album_key: str
    navidrome_id: str = ""
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    duration: float | None = None
    """Seconds, as the source claims; decoding decides."""
    recording_mbid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything that a source says about one library at one moment."""

    library: SourceLibrary
    tracks: Sequence[SourceTrack]
    """Present tracks; no path twice."""
    unchanged: Sequence[str] = ()
    """Paths of present tracks that are as the caller knows them, and were not read again."""
    unseen: Sequence[str] = ()
    """Files, and folders with a trailing `/`, that could not be looked at: what is there is not gone."""
    skipped: int = 0
    """Entries that the source names and that cannot be a track of this library."""
    notes: Sequence[str] = ()
    """Sentences for the person who runs the library."""


class MusicSource(Protocol):
    """Something that lists tracks; every implementation passes the library contract suite."""

    kind: str
    root: str
    """The folder that is its only library, in the text form of `embeddings.paths`; empty where it names several."""

    def listings(self, known: Known) -> Sequence[Listing]:
        """All libraries and their present tracks, read at one moment, in order of their number.

        Args:
            known: lets a source leave out, by naming it in `unchanged`, what it need not read again.

        Raises:
            BackendUnavailable: the source does not answer (no database, an unmounted folder).

        """
        ...
