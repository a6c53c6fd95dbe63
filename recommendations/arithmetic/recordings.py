"""Tells by their tags whether two tracks are the same recording, or certainly are not; pure.

They are the same with one MusicBrainz recording id, or with the same title and artist and durations that fit. Of a
title and an artist, letters and digits count; a track number, featured guests and remarks (in brackets, or after a
dash) do not, unless a remark is there on both sides and says something else: `Suite (I. Prelude)`.

They are not when one is called live, a remaster, a remix, acoustic, a demo or the like, in a remark or by its album,
and the other is not, or is called so in other words (`live at Wembley`, `live in Paris`).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

VERSIONS = {
    "live": r"live|unplugged|in concert|sessions?|en vivo|en directo|ao vivo|dal vivo",
    "remaster": r"(?:digital(?:ly)? )?re-?master(?:ed|ing)?|anniversary edition",
    "remix": r"re-?mix(?:ed|es)?|rmx|mashup|(?:club|dub|vip|dance|radio) mix",
    "acoustic": r"acoustic|stripped|piano version|orchestral|symphonic",
    "demo": r"demos?|outtakes?|rehearsal|rough mix|take(?= \d)|alternat(?:e|ive)|re-?recorded",
    "instrumental": r"instrumentals?|karaoke|backing track|a ?cappella",
    "edit": r"edit|extended|long version|short version|single version|12(?:\"|”|''| ?inch)",
    "speed": r"slowed|sped up|nightcore|slow|fast",
    "mono": r"mono",
    "part": r"(?:part|pt|vol|volume|act|movement)(?= ?\.? ?(?:\d+|[ivx]+)\b)|reprise",
}
"""How a recording of a song may differ from another one, and what remarks call it."""
VERSION_WORDS = {kind: re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) for kind, words in VERSIONS.items()}
ALBUM_KINDS = ("live", "remaster", "remix", "acoustic", "demo", "instrumental", "mono")
"""What an album may be as a whole; `live` also outside brackets."""
ALBUM_LIVE = re.compile(r"(?<!\w)(?:live|unplugged|in concert|en vivo|ao vivo)(?!\w)", re.IGNORECASE)

NOISE = re.compile(
    r"(?<!\w)(?:feat|ft|featuring|with|explicit|clean|bonus|album version|original|from|stereo|official|audio|video)\b",
    re.IGNORECASE,
)
"""Begins or is a remark that says nothing of the recording."""
BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\}")
DASH = re.compile(r"\s+[-–—~]\s+")
GUESTS = re.compile(r"\s+(?:feat\.?|ft\.?|featuring)\s.*$", re.IGNORECASE)
NUMBER = re.compile(r"^\s*(?:\d{1,3}\s*[-.)_]\s+|0\d\s+)")
"""`01 Song`, `1. Song`, `12 - Song`; not `99 Luftballons`."""
OTHER_ARTISTS = re.compile(r"\s*(?:;|/|,|\s(?:&|x|and|with|feat\.?|ft\.?|featuring|vs\.?)\s).*$", re.IGNORECASE)

EMPTY_WORDS = {"", "version", "the", "a", "at", "in", "from", "on"}

DURATION_SHARE = 0.1
"""Of the longer one: what the same title and artist may differ by; a fade-out, not another version."""


class Tagged(Protocol):
    """A track of which the catalogue knows what its tags say."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def artist(self) -> str: ...  # noqa: D102
    @property
    def album(self) -> str: ...  # noqa: D102
    @property
    def duration(self) -> float | None: ...  # noqa: D102
    @property
    def recording_mbid(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What tags say of the recording in a track."""

    song: tuple[str, str] | None
    """Plain title and first artist; None where either is missing."""
    version: frozenset[str]
    """The words of the remarks that tell it from other recordings of the song."""
    remark: frozenset[str]
    """The words of what else is said in brackets."""
    mbid: str
    duration: float | None


def recording_of(track: Tagged) -> Recording:
    """Read what a track's tags say."""
    plain, remarks = _split(NUMBER.sub("", track.title))
    versions = [remark for remark in remarks if _kinds(remark)]
    others = [remark for remark in remarks if not _kinds(remark) and not NOISE.search(remark)]
    song = (_letters(plain), _letters(OTHER_ARTISTS.sub("", track.artist)))
    return Recording(
        song=song if all(song) else None,
        version=_words([*versions, *_album_versions(track.album)]),
        remark=_words(others),
        mbid=track.recording_mbid.strip().lower(),
        duration=track.duration,
    )


def are_versions(one: Recording, other: Recording) -> bool:
    """Whether the tags call them different recordings, however alike they sound."""
    return one.version != other.version


def are_same(one: Recording, other: Recording) -> bool:
    """Whether the tags alone say that they are one recording."""
    if are_versions(one, other):
        return False
    if one.mbid and one.mbid == other.mbid:
        return True
    alike = one.song is not None and one.song == other.song
    return (
        alike
        and _fits(one.duration, other.duration)
        and not (one.remark and other.remark != one.remark and other.remark)
    )


def are_among(tracks: Iterable[Tagged]) -> Callable[[Tagged], bool]:
    """Whether another track is, by its tags alone, a recording that is among these."""
    known: dict[object, list[Recording]] = {}
    for found in map(recording_of, tracks):
        for name in filter(None, (found.song, found.mbid)):
            known.setdefault(name, []).append(found)

    def is_among(track: Tagged) -> bool:
        one = recording_of(track)
        return any(are_same(one, other) for name in (one.song, one.mbid) for other in known.get(name, ()))

    return is_among if known else lambda _: False


def _fits(one: float | None, other: float | None) -> bool:
    if not one or not other:
        return True
    return abs(one - other) <= DURATION_SHARE * max(one, other)


def _split(title: str) -> tuple[str, list[str]]:
    """The title without remarks, and the remarks; what a dash brings is one only where it says what remarks say."""
    remarks = [next(filter(None, found.groups()), "") for found in BRACKETS.finditer(title)]
    plain = GUESTS.sub("", BRACKETS.sub(" ", title))
    first, *rest = DASH.split(plain)
    said = [part for part in rest if _kinds(part) or NOISE.match(part)]
    kept = [part for part in rest if part not in said]
    whole = " ".join([first, *kept])
    # A title that is nothing but a remark, `(Untitled)`, is its own name.
    return (whole, [*remarks, *said]) if _letters(whole) else (title, [])


def _kinds(text: str) -> list[str]:
    return [kind for kind, words in VERSION_WORDS.items() if words.search(text)]


def _album_versions(album: str) -> Iterator[str]:
    plain, remarks = _split(album)
    yield from (remark for remark in remarks if set(_kinds(remark)) & set(ALBUM_KINDS))
    if ALBUM_LIVE.search(plain):
        yield plain


def _words(remarks: list[str]) -> frozenset[str]:
    """Each kind under one name, whatever the remark calls it: `2011 Remaster` is `Remastered 2011`."""
    found: set[str] = set()
    for remark in remarks:
        said = remark
        for kind, words in VERSION_WORDS.items():
            said = words.sub(f" {kind} ", said)
        found |= {_letters(word) for word in said.split()}
    return frozenset(found - EMPTY_WORDS)


def _letters(text: str) -> str:
    """Letters and digits of any script, without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if letter.isalnum())
