"""Finds what people name in a terminal: tracks, albums and artists, by id or by words."""

from collections.abc import Sequence
from typing import Literal

from embeddings.errors import NotFound, Refused
from embeddings.models import Track

SHOWN = 5
"""Things that are listed when words match several."""


def find_track(words: str) -> Track:
    """Find a track by our id, Navidrome's, or words of its artist, title, album or path.

    Raises:
        NotFound: nothing matches.
        Refused: several tracks do (`ambiguous`); they are listed.

    """
    try:
        return Track.objects.named(words)
    except NotFound:
        matching = Track.objects.present().matching(words)
        found = list(matching[: SHOWN + 1])
    if not found:
        raise NotFound(f"No track matches {words!r}.")
    if len(found) > 1 and not any(track.title.casefold() == words.casefold() for track in found):
        listed = [f"{track.pk}  {track.name}  ({track.path})" for track in found[:SHOWN]]
        raise _ambiguous(f"{words!r} matches several tracks; name one by its id", listed, matching.count() - SHOWN)
    return found[0]


def find_key(kind: Literal["album", "artist"], words: str) -> str:
    """Find the catalogue's key of an album or artist by its name, or a part of it; what has no name here is an id.

    Raises:
        Refused: several have such a name (`ambiguous`); they are listed.

    """
    named = Track.objects.present().exclude(**{f"{kind}_key": ""})
    for match in ("iexact", "icontains"):
        rows = named.filter(**{f"{kind}__{match}": words}).order_by(kind)
        found = dict(rows.values_list(f"{kind}_key", kind))
        if len(found) == 1:
            return str(next(iter(found)))
        if found:
            listed = [f"{key}  {name}" for key, name in list(found.items())[:SHOWN]]
            raise _ambiguous(f"{words!r} matches several {kind}s; name one by its id", listed, len(found) - SHOWN)
    return words


def _ambiguous(sentence: str, listed: Sequence[str], more: int) -> Refused:
    lines = "".join(f"\n  {line}" for line in listed)
    rest = f"\n  and {more} more" if more > 0 else ""
    return Refused(f"{sentence}:{lines}{rest}", code="ambiguous")
