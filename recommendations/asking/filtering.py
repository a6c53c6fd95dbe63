"""What may be in an answer at all: pushed down to the store, and looked at again in the catalogue."""

import math
from collections.abc import Callable, Iterable

from embeddings.domain import SearchFilter
from embeddings.errors import Refused
from embeddings.store.checks import genre_keys
from recommendations.arithmetic.recordings import are_among
from recommendations.asking.naming import NamedTrack, find_tracks
from recommendations.asking.seeding import Gathered
from recommendations.domain import Request
from recommendations.results import Candidate

MOST_PUSHED = 4_000
"""Excluded ids that a search is told; what is beyond is taken out of what it found."""
BESIDE = 50
"""Seeds whose own recordings are kept out of the answer by what they sound like, the heaviest."""
MOST_TAGGED = 1_000
"""Seeds after these whose recordings are kept out by their tags."""


def search_filter(request: Request, gathered: Gathered) -> SearchFilter:
    """What the store leaves out.

    Raises:
        Refused: a range of the filter ends before it begins, or an end is no finite number (`bad_filter`).

    """
    wanted = request.filter
    for least, most in (wanted.years, wanted.seconds):
        if not all(math.isfinite(end) for end in (least, most) if end is not None):
            raise Refused("The ends of a range are finite numbers, or left out.", code="bad_filter")
        if least is not None and most is not None and least > most:
            raise Refused(f"A range from {least:g} to {most:g} lets nothing pass.", code="bad_filter")
    return SearchFilter(
        library_ids=sorted(wanted.library_ids),
        exclude_ids=sorted(gathered.excluded)[:MOST_PUSHED],
        exclude_artist_keys=sorted(gathered.excluded_artists),
        exclude_album_keys=sorted(gathered.excluded_albums),
        genres=sorted(wanted.genres),
        exclude_genres=sorted(wanted.exclude_genres),
        years=wanted.years,
        seconds=wanted.seconds,
        present=True,
    )


def accepts(request: Request, gathered: Gathered) -> Callable[[Candidate], bool]:
    """The same as a condition on what the catalogue says now; labels in the store may be some minutes behind it."""
    wanted = request.filter
    genres, strange = set(genre_keys(wanted.genres)), set(genre_keys(wanted.exclude_genres))
    is_copy = are_among(() if request.variety.versions else _tagged(gathered))

    def accept(candidate: Candidate) -> bool:
        said = set(genre_keys(candidate.genres)) if genres or strange else set()
        return (
            candidate.id not in gathered.excluded
            and candidate.artist_key not in gathered.excluded_artists
            and candidate.album_key not in gathered.excluded_albums
            and (not wanted.library_ids or candidate.library_id in wanted.library_ids)
            and (not genres or bool(genres & said))
            and not strange & said
            and _within(candidate.year, wanted.years)
            and _within(candidate.duration, wanted.seconds)
            and not is_copy(candidate)
        )

    return accept


def _tagged(gathered: Gathered) -> Iterable[NamedTrack]:
    """Seeds that are too many to compare by what they sound like."""
    named = sorted((query for query in gathered.queries if query.track_id), key=lambda query: -query.weight)
    others = [query.track_id for query in named[BESIDE : BESIDE + MOST_TAGGED]]
    return find_tracks(others).values() if others else ()


def _within(value: float | None, limits: tuple[float | None, float | None]) -> bool:
    """Whether a value lies within limits; one that is unknown does only where there are none."""
    least, most = limits
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)
