"""Filters of a search: which ones are refused, and which rows they let through."""

import math
from collections.abc import Sequence

from embeddings.domain import SearchFilter, VectorRow
from embeddings.errors import Refused
from embeddings.store.checks import MAX_ID_BYTES, MAX_KEY_BYTES, Widths, check_text, genre_key

NO_BOUNDS = (None, None)


def check_filter(where: SearchFilter) -> None:
    """Refuse filters whose values could not be stored in the first place."""
    for found in where.exclude_ids:
        check_text(found, MAX_ID_BYTES, "id")
    for found in (*where.exclude_artist_keys, *where.exclude_album_keys):
        check_text(found, MAX_KEY_BYTES, "key")
    for genre in (*where.genres, *where.exclude_genres):
        if not genre_key(genre):
            raise ValueError(f"{genre!r} is the name of no genre.")
    for bound in (*where.years, *where.seconds):
        if bound is not None and not math.isfinite(bound):
            raise ValueError(f"A filter cannot go to {bound}.")


def check_labels(collection: str, widths: Widths, where: SearchFilter) -> None:
    """Refuse a filter by labels that a collection has no field for.

    Raises:
        Refused: it cannot be answered yet; the sentence says what helps.

    """
    asked = {
        "genres": bool(where.genres or where.exclude_genres),
        "year": where.years != NO_BOUNDS,
        "seconds": where.seconds != NO_BOUNDS,
    }
    if lacking := [name for name, is_asked in asked.items() if is_asked and name in widths.lacks]:
        raise Refused(
            f"{collection} was made by an earlier version and cannot be filtered by {' or '.join(lacking)} yet: "
            "workers copy it into one that can when no job is active, not even a paused one, and searches without "
            "that filter work meanwhile.",
            code="labels_lacking",
        )


def passes(row: VectorRow, where: SearchFilter) -> bool:
    """Whether a filter lets a row through; what every server has to agree with."""
    return (
        (not where.library_ids or row.library_id in where.library_ids)
        and row.id not in where.exclude_ids
        and row.artist_key not in where.exclude_artist_keys
        and row.album_key not in where.exclude_album_keys
        and (not where.genres or not _genres(where.genres).isdisjoint(row.genres))
        and _genres(where.exclude_genres).isdisjoint(row.genres)
        and _lies_between(row.year, where.years)
        and _lies_between(row.seconds, where.seconds)
        and not (where.present and row.missing)
    )


def _genres(names: Sequence[str]) -> set[str]:
    return set(map(genre_key, names))


def _lies_between(value: float, bounds: tuple[float | None, float | None]) -> bool:
    """Whether a number is known, where that matters, and within the bounds."""
    least, most = bounds
    if bounds == NO_BOUNDS:
        return True
    return value > 0 and (least is None or value >= least) and (most is None or value <= most)
