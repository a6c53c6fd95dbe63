"""What a listener knows and does not like, as far as Navidrome has noted it.

    known      = 1 - (1 - played) * (1 - marked)
    played     = (1 - 1 / 2^(plays / HALF_PLAYS)) * (1 + 1 / 2^(days / FORGOTTEN_DAYS)) / 2
    marked     = MARKED where it is starred or rated, else 0

`days` are those since the last play, to the start of today. So a track is half known after three plays, nearly all
after ten, and what was not heard for years stays known by half. A track that was never heard is still a little
familiar when its artist is: by `OF_ARTIST` times what is known of the artist, whose plays count for a tenth each.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from math import exp2
from pathlib import Path
from typing import NamedTuple

import numpy as np

from embeddings import conf
from embeddings.errors import BackendUnavailable, Refused
from embeddings.library.navidrome_ids import canonical
from embeddings.library.navidrome_listening import Mark, Playlists, read_marks, read_playlists
from embeddings.models import Track
from recommendations.asking.naming import MOST_AT_ONCE, chunks, find_tracks
from recommendations.results import Candidate, Scores

HALF_PLAYS = 3.0
FORGOTTEN_DAYS = 365.0
MARKED = 0.5
OF_ARTIST = 0.3
ARTIST_PLAYS = 10.0
"""So many plays of an artist count as one of a track."""
LOW = (1, 2)
"""Stars that mean dislike."""

KEPT_SECONDS = 60.0
MOST_KEPT = 16
"""Listeners remembered in one process; some megabytes for one who has heard 20,000 tracks."""
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What one listener knows and has rated low."""

    today: date
    tracks: Mapping[str, Mark]
    """By Navidrome's id of the track."""
    artists: Mapping[str, Mark]
    """By the catalogue's key."""
    ratings: Mapping[str, int]
    """By our id, 1 or 2 stars: of the track itself, else of its album."""
    disliked_artists: frozenset[str]
    """Keys of those that were given 1 or 2 stars."""

    def familiarity(self, candidates: Sequence[Candidate]) -> Scores:
        """[candidates]: how well each is known, 0..1."""
        return np.array([max(self._own(one), self._of_artist(one)) for one in candidates], dtype=np.float64)

    def _own(self, candidate: Candidate) -> float:
        # A catalogue of before Navidrome's new ids has the old ones until it is synchronised.
        mark = self.tracks.get(candidate.navidrome_id) or self.tracks.get(canonical(candidate.navidrome_id))
        return _known(mark, self.today, 1.0) if mark else 0.0

    def _of_artist(self, candidate: Candidate) -> float:
        mark = self.artists.get(candidate.artist_key)
        return OF_ARTIST * _known(mark, self.today, ARTIST_PLAYS) if mark else 0.0


class Key(NamedTuple):
    """Whose, from which file, and for which day."""

    database: str
    device: int
    inode: int
    user: str
    today: date


class Memory:
    """Listeners that were asked for within the last minute; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[float, Heard]] = OrderedDict()

    def recall(self, key: Key) -> Heard | None:
        """What was kept under the key less than a minute ago."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept and self._clock() - kept[0] < KEPT_SECONDS else None

    def keep(self, key: Key, heard: Heard) -> None:
        """Remember, and forget who was read longest ago when there are too many."""
        with self._lock:
            self._kept[key] = (self._clock(), heard)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


@cache
def process_memory() -> Memory:
    """The one memory of this process."""
    return Memory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is to be found out about one listener."""

    heard: Heard | None
    """None where nobody knows."""
    warnings: tuple[str, ...] = ()


def hear(user: str, *, now: datetime, memory: Memory | None = None) -> Hearing:
    """Find out what a listener knows, as of the last minute; of nobody nothing is known.

    Where Navidrome's database does not answer, or knows no such user, a warning says so.

    Args:
        user: Navidrome's name for the listener, whatever its case; empty for nobody.
        now: the present.
        memory: who was asked for lately; the process's own unless somebody brings one.

    """
    database = conf.library().navidrome_db
    if not user:
        return Hearing(heard=None)
    if database is None:
        return Hearing(heard=None, warnings=(f"Without Navidrome's database nobody knows what {user} has heard.",))
    memory, today = memory or process_memory(), now.astimezone(UTC).date()
    key = Key(str(database), *_identity(database), user, today)
    heard = memory.recall(key)
    try:
        marks = read_marks(database, user) if heard is None else []
    except BackendUnavailable as error:
        return Hearing(heard=None, warnings=(f"What {user} has heard and rated was not counted: {error}",))
    if marks is None:
        return Hearing(heard=None, warnings=(f"Navidrome knows no user {user!r}: nobody's plays were counted.",))
    if heard is None:
        heard = _understood(marks, today)
        memory.keep(key, heard)
    return Hearing(heard=heard)


def open_playlists(ids: Collection[str], user: str) -> Playlists:
    """Read playlists that are public or the user's.

    Raises:
        Refused: there is no Navidrome that would have any (`no_playlists`).
        BackendUnavailable: its database cannot be read now.

    """
    database = conf.library().navidrome_db
    if database is None:
        raise Refused(
            "Playlists are read from Navidrome's database, and none is configured: set NAVIDROME_DB, or name the "
            "tracks themselves.",
            code="no_playlists",
        )
    return read_playlists(database, ids, user)


def familiarity(*, plays: float, days: float, marked: bool) -> float:
    """0..1: how well something is known; the formula stands at the top of this module."""
    played = (1 - exp2(-plays / HALF_PLAYS)) * (1 + exp2(-days / FORGOTTEN_DAYS)) / 2
    return 1 - (1 - played) * (1 - (MARKED if marked else 0.0))


def _understood(marks: Sequence[Mark], today: date) -> Heard:
    """What marks on Navidrome's things say of ours; only what is rated low is looked up in the catalogue."""
    by_kind: dict[str, dict[str, Mark]] = {kind: {} for kind in ("media_file", "album", "artist")}
    for mark in marks:
        # The catalogue's keys of albums and artists are in the form of today, whatever Navidrome's version.
        by_kind[mark.kind][mark.id if mark.kind == "media_file" else canonical(mark.id)] = mark
    tracks, artists = by_kind["media_file"], by_kind["artist"]
    low = find_tracks([key for key, mark in tracks.items() if mark.rating in LOW])
    return Heard(
        today=today,
        tracks=tracks,
        artists=artists,
        ratings=_of_albums(by_kind["album"], tracks) | {low[key].id: tracks[key].rating for key in low},
        disliked_artists=frozenset(key for key, mark in artists.items() if mark.rating in LOW),
    )


def _of_albums(albums: Mapping[str, Mark], tracks: Mapping[str, Mark]) -> dict[str, int]:
    """Stars of albums that were rated low, by each of their tracks that has none of its own."""
    low = [key for key, mark in albums.items() if mark.rating in LOW]
    found: dict[str, int] = {}
    for part in chunks(low, MOST_AT_ONCE):
        rows = Track.objects.filter(album_key__in=part).order_by().values_list("pk", "album_key", "navidrome_id")
        found |= {
            str(pk): albums[album].rating
            for pk, album, theirs in rows
            if not (theirs in tracks and tracks[theirs].rating)
        }
    return found


def _known(mark: Mark, today: date, plays_each: float) -> float:
    start = datetime.combine(today, datetime.min.time(), UTC)
    days = max(0.0, (start - mark.played_at).total_seconds() / DAY_SECONDS) if mark.played_at else 0.0
    # A low rating is a mark as well: who gave it has listened.
    return familiarity(plays=max(0, mark.plays) / plays_each, days=days, marked=mark.starred or mark.rating > 0)


def _identity(database: Path) -> tuple[int, int]:
    """What tells this file from another that is put in its place; reading tells why it is not there."""
    try:
        found = database.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
