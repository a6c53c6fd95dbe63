"""What the doctor says of one part of the installation."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about one part."""

    subject: str
    state: Literal["ok", "warning", "missing"]
    used: str
    """Which one is used, and who said so."""
    answer: str
    """What it answered."""
    advice: str = ""
    """What to do; empty when all is well."""

    @property
    def fine(self) -> bool:
        """Whether the application can work with it."""
        return self.state != "missing"


def missing(subject: str, used: str, answer: str, advice: str) -> Finding:
    """A part that the application cannot work without, and that is not there."""
    return Finding(subject=subject, state="missing", used=used, answer=answer, advice=advice)
