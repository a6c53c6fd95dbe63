"""Filters as Milvus expressions, with every value quoted by hand: templates do not exist on every server."""

from collections.abc import Iterable

from embeddings.domain import SearchFilter

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


def expression(where: SearchFilter | None) -> str:
    """What a search leaves out, empty when nothing."""
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
    return " and ".join(parts)
