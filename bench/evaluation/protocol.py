"""The protocol's nouns: which pieces of a library are embedded, and what each is compared with."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

EXCERPT_SECONDS = 30.0
SHORTEST_WITH_EXCERPTS = 72.0
LONGEST_ALTERED = 330.0
ALTERED_TRACKS = 60
OTHER_SPEED = "faster_3pc"
"""Not the same sound any more: reported, but outside every sum."""

Kind = Literal["track", "A", "B", "altered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One thing to embed: a whole track, one of its two excerpts, or an altered copy of it."""

    id: str
    kind: Kind
    track: str
    """`package:path in the package`: the same for all pieces of a track."""
    path: str
    """Absolute path of the file to read."""
    start: float
    """Seconds into the file; 0 for whole files."""
    seconds: float
    game: str
    album: str
    composer: str | None
    """None where the package does not say."""
    style: str
    version_group: str | None
    """Same composition or recording elsewhere in the library: neither right nor wrong as an answer."""
    alteration: str | None
    development: bool
    """The half of the tracks on which thresholds are chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track of the library's manifest, as far as the protocol needs it."""

    key: str
    path: Path
    seconds: float
    readable: bool
    """Whether ffmpeg can read it, and so write altered copies."""
    fields: dict[str, Any]


def read_manifest(library: Path) -> list[Track]:
    """The tracks of a library made by `bench.library`."""
    manifest = json.loads((library / "manifest.json").read_text())
    unknown = {track["albumartist"] for track in manifest["tracks"]}
    return [
        Track(
            key=f"{track['package']}:{track['source_path']}",
            path=library / track["path"],
            seconds=track["duration"],
            readable=not track["codec"].startswith("refused"),
            fields={
                "game": track["package"],
                "album": f"{track['package']}|{track['album']}",
                "composer": None if track["artist"] in unknown else track["artist"],
                "style": track["style"],
                "version_group": track["version_group"],
            },
        )
        for track in manifest["tracks"]
    ]


def excerpt_starts(seconds: float) -> tuple[float, float] | None:
    """Starts of the two disjoint excerpts A and B; None where the track is too short for both."""
    if seconds < SHORTEST_WITH_EXCERPTS:
        return None
    return round(0.06 * seconds, 3), round(0.94 * seconds - EXCERPT_SECONDS, 3)


def library_pieces(tracks: Sequence[Track]) -> list[Piece]:
    """Every track whole, and its two excerpts."""
    pieces = []
    for track in tracks:
        pieces.append(_piece(track, "track", start=0.0, seconds=track.seconds))
        if starts := excerpt_starts(track.seconds):
            pieces.append(_piece(track, "A", start=starts[0], seconds=EXCERPT_SECONDS))
            pieces.append(_piece(track, "B", start=starts[1], seconds=EXCERPT_SECONDS))
    return pieces


def altered_piece(track: Track, alteration: str, copy: Path, seconds: float) -> Piece:
    """An altered copy, to be found again among the whole tracks."""
    whole = _piece(track, "track", start=0.0, seconds=seconds)
    changes = {"id": f"V:{alteration}:{track.key}", "kind": "altered", "path": str(copy), "alteration": alteration}
    return Piece(**{**asdict(whole), **changes})


def tracks_to_alter(tracks: Sequence[Track], count: int = ALTERED_TRACKS) -> list[Track]:
    """Taken in turn from every game in an order given by hashes, so that new tracks move no old ones."""
    fit = [track for track in tracks if track.readable and SHORTEST_WITH_EXCERPTS <= track.seconds <= LONGEST_ALTERED]
    fit.sort(key=lambda track: hash_unit("dup" + track.key))
    taken: dict[str, int] = {}
    turns = []
    for place, track in enumerate(fit):
        turn = taken[track.fields["game"]] = taken.get(track.fields["game"], 0) + 1
        turns.append((turn, place, track))
    return [track for _, _, track in sorted(turns, key=lambda entry: entry[:2])[:count]]


def hash_unit(text: str) -> float:
    """A number in 0..1 that depends on the text alone."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


def _piece(track: Track, kind: Kind, *, start: float, seconds: float) -> Piece:
    letter = "T" if kind == "track" else kind
    return Piece(
        id=f"{letter}:{track.key}",
        kind=kind,
        track=track.key,
        path=str(track.path),
        start=start,
        seconds=seconds,
        alteration=None,
        development=hash_unit(track.key) < 0.5,
        **track.fields,
    )
