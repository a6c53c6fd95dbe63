"""What came of an import, for whoever asked for it."""

from dataclasses import dataclass

from embeddings.models import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """A row of an archive that is none of our tracks."""

    name: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Counts of one import; what an earlier, broken off run has stored counts as well."""

    generation: Generation
    rows: int
    """Rows in the archive."""
    stored: int
    """Vectors that were written by this run."""
    already: int
    """Vectors that were there before it."""
    stale: int
    """Of both, those made from another state of the file than the catalogue knows."""
    unmapped: tuple[Unmapped, ...]
