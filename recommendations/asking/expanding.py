"""Looks up everything that a request names at once: tracks by any id, and albums, artists and playlists as tracks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F

from embeddings.models import Track
from recommendations.arithmetic.scoring import STARS
from recommendations.asking.hearing import open_playlists
from recommendations.asking.naming import COLUMNS, MOST_AT_ONCE, NamedTrack, chunks, find_keys, find_tracks, named_track
from recommendations.domain import Dislikes, Request, Seed, SeedKind

SHOWN = 5
"""Unknown names that a warning repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """What was found; every mapping goes by the names that the request uses, and leaves out what is unknown."""

    tracks: Mapping[str, NamedTrack]
    albums: Mapping[str, str]
    """To the catalogue's own key."""
    artists: Mapping[str, str]
    groups: Mapping[tuple[SeedKind, str], Sequence[NamedTrack]]
    """Tracks of albums, artists and playlists, in order; of the first two only where seeds name them."""
    warnings: tuple[str, ...]


def expand(request: Request) -> Expanded:
    """Find what the request names; at most six queries and one look into Navidrome's database, whatever its size.

    Raises:
        Refused: it names a playlist, and no Navidrome is configured (`no_playlists`).
        BackendUnavailable: it names a playlist, and Navidrome's database cannot be read now.

    """
    seeds = [seed for seed in request.seeds if isinstance(seed, Seed)]
    named: Mapping[SeedKind, list[str]] = {
        kind: [seed.key for seed in seeds if seed.kind == kind] for kind in ("track", "album", "artist", "playlist")
    }
    lists, warnings = _playlists({*named["playlist"], *request.exclude.playlist_ids}, request.user)
    tracks = find_tracks(
        {
            *named["track"],
            *request.exclude.track_ids,
            *request.dislikes.track_ids,
            *request.dislikes.ratings,
            *(track for every in lists.values() for track in every),
        }
    )
    albums = find_keys("album_key", {*named["album"], *request.exclude.album_keys})
    artists = find_keys("artist_key", {*named["artist"], *request.exclude.artist_keys, *request.dislikes.artist_keys})
    groups: dict[tuple[SeedKind, str], Sequence[NamedTrack]] = {
        ("playlist", name): [tracks[track] for track in every if track in tracks] for name, every in lists.items()
    }
    groups |= _members("album", {name: albums[name] for name in named["album"] if name in albums})
    groups |= _members("artist", {name: artists[name] for name in named["artist"] if name in artists})
    unknown = tuple(_unknown_dislikes(request.dislikes, tracks, artists))
    return Expanded(tracks=tracks, albums=albums, artists=artists, groups=groups, warnings=(*warnings, *unknown))


def _unknown_dislikes(dislikes: Dislikes, tracks: Collection[str], artists: Collection[str]) -> Iterator[str]:
    """What to say of dislikes that mean nothing here; who excludes what is unknown gets what was asked for anyway."""
    rated = {name for name, stars in dislikes.ratings.items() if stars in STARS}
    for kind, named, known in (
        ("track", rated.union(dislikes.track_ids), tracks),
        ("artist", set(dislikes.artist_keys), artists),
    ):
        lost = sorted(named.difference(known))
        if lost:
            what = f"1 disliked {kind}" if len(lost) == 1 else f"{len(lost)} disliked {kind}s"
            more = ", and others" if len(lost) > SHOWN else ""
            yield f"The library does not know {what}: {', '.join(lost[:SHOWN])}{more}."


def _playlists(names: Collection[str], user: str) -> tuple[Mapping[str, Sequence[str]], tuple[str, ...]]:
    """Ids of the tracks of playlists, and what has to be said of those that were not read."""
    if not names:
        return {}, ()
    found = open_playlists(names, user)
    unread = sorted(set(names) - found.tracks.keys())
    if not unread:
        return found.tracks, ()
    whose = f"public or {user}'s" if found.user_known else "public, and no user was named whose own would be read"
    shown = ", ".join(repr(name) for name in unread[:SHOWN])
    if len(unread) == 1:
        what = "1 playlist was not read, as it is none that is"
    else:
        what = f"{len(unread)} playlists were not read, as they are none that are"
    return found.tracks, (f"{what} {whose}: {shown}.",)


def _members(kind: SeedKind, keys: Mapping[str, str]) -> dict[tuple[SeedKind, str], Sequence[NamedTrack]]:
    """Present tracks of albums or artists by the name that these were given, in the order of their records."""
    members: dict[str, list[NamedTrack]] = {key: [] for key in keys.values()}
    # Numbers that nobody knows come last in every database.
    numbers = [F(name).asc(nulls_last=True) for name in ("disc_number", "track_number")]
    for part in chunks(members, MOST_AT_ONCE):
        tracks = Track.objects.filter(**{f"{kind}_key__in": part}).order_by("album_key", *numbers, "path", "pk")
        # Asked whether a file is gone, SQLite would walk through all that are there instead of looking up these.
        for key, gone, *values in tracks.values_list(f"{kind}_key", "missing_since", *COLUMNS):
            if gone is None:
                members[key].append(named_track(values))
    return {(kind, name): members[key] for name, key in keys.items()}
