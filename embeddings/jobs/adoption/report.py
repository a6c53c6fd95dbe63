"""What came of an adoption, for whoever asked for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from embeddings.models import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What came of it; what an earlier, broken off run has stored counts as well."""

    generation: Generation
    rows: int
    """Rows in the old collection."""
    stored: int
    """Vectors that were written by this run."""
    already: int
    """Vectors that were there before it."""
    ambiguous: tuple[str, ...]
    """Names that several tracks have."""
    unknown: tuple[str, ...]
    """Names that no present track has."""
    doubled: tuple[str, ...]
    """Names that mean a track which another name means as well."""
    unusable: tuple[str, ...]
    """Names whose vector is all zero or not finite."""

    @property
    def reasons(self) -> Iterator[tuple[str, str]]:
        """Each name that was left out, and why."""
        for reason in ("ambiguous", "unknown", "doubled", "unusable"):
            yield from ((reason, name) for name in getattr(self, reason))
