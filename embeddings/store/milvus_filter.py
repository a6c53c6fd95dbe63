"""Filters as Milvus expressions, with every value quoted by hand: templates do not exist on every server."""

from collections.abc import Collection, Iterable

import numpy as np

from embeddings.domain import SearchFilter
from embeddings.store.checks import MAX_WHOLE, genre_key

ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
"""The escapes that both the Go and the Python parser know; all other characters stand for themselves."""


def quote(text: str) -> str:
    """A string literal that reads back as exactly this text."""
    return f'"{text.translate(ESCAPES)}"'


def one_of(field: str, values: Iterable[str]) -> str:
    """Condition that the field is one of the texts."""
    return f"{field} in [{','.join(map(quote, values))}]"


def none_of(field: str, values: Iterable[str]) -> str:
    """Condition that the field is none of the texts."""
    return f"{field} not in [{','.join(map(quote, values))}]"


def any_genre(genres: Iterable[str]) -> str:
    """Condition that a row is of one of the genres."""
    keys = dict.fromkeys(map(genre_key, genres))
    return f"array_contains_any(genres, [{','.join(map(quote, keys))}])"


def expression(where: SearchFilter | None, *, lacks: Collection[str] = ()) -> str:
    """What a search leaves out, empty when nothing.

    Args:
        where: what it asks for; nothing that `checks.check_labels` refuses of this collection.
        lacks: labels that the collection has no field for.

    """
    if where is None:
        return ""
    parts = []
    if where.library_ids:
        parts.append(f"library_id in [{','.join(str(int(number)) for number in where.library_ids)}]")
    if where.exclude_ids:
        parts.append(none_of("id", where.exclude_ids))
    if where.exclude_artist_keys:
        parts.append(none_of("artist_key", where.exclude_artist_keys))
    if where.exclude_album_keys:
        parts.append(none_of("album_key", where.exclude_album_keys))
    if where.genres:
        parts.append(any_genre(where.genres))
    if where.exclude_genres:
        parts.append(f"not {any_genre(where.exclude_genres)}")
    parts += _between("year", *where.years) + _between("seconds", *where.seconds)
    if where.present and "missing" not in lacks:
        parts.append("missing == false")
    return " and ".join(parts)


def _between(field: str, least: float | None, most: float | None) -> list[str]:
    """Conditions that a number is known, which 0 says it is not, and within these bounds."""
    if least is None and most is None:
        return []
    known = [f"{field} > 0"] if least is None or least <= 0 else [f"{field} >= {_number(least)}"]
    return known if most is None else [*known, f"{field} <= {_number(most)}"]


def _number(value: float) -> str:
    """A number that reads back as exactly this one, without the exponent that not every server knows."""
    if isinstance(value, int):
        return str(min(max(value, -MAX_WHOLE), MAX_WHOLE))
    return np.format_float_positional(value, trim="0")
