"""One bad file, what has to become of it, and the shelf that a family of them is put on."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file, link or folder of the collection."""

    path: bytes
    """Relative to the collection's folder."""
    what: str
    outcome: str = "embedded"
    """`embedded`, or the code of the `TrackError` that embedding it raises."""
    warns: bool = False
    """Whether it is embedded with a sentence about what is wrong."""
    listed: bool = True
    """Whether a walk through the folder offers it as a track."""

    @property
    def family(self) -> str:
        """The folder it is in."""
        return self.path.partition(b"/")[0].decode()

    @property
    def shown(self) -> str:
        """The path as a table can print it."""
        text = self.path.decode("utf-8", "backslashreplace").replace("|", "\\|")
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        return text if len(text) < 80 else f"{text[:30]}...({len(self.path)} bytes)...{text[-12:]}"


class Shelf:
    """One family's folder, and the cases put into it so far."""

    def __init__(self, folder: Path, family: str) -> None:
        self._folder = folder
        self._family = family.encode()
        self.cases: list[Case] = []

    @property
    def place(self) -> Path:
        """The family's folder."""
        return self._folder / os.fsdecode(self._family)

    def note(
        self, name: str | bytes, what: str, outcome: str = "embedded", *, warns: bool = False, listed: bool = True
    ) -> Path:
        """Remember a case; returns the absolute path at which the caller makes it."""
        raw = name if isinstance(name, bytes) else name.encode()
        path = self._family + b"/" + raw
        self.cases.append(Case(path=path, what=what, outcome=outcome, warns=warns, listed=listed))
        full = self._folder / os.fsdecode(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        return full

    def put(
        self,
        name: str | bytes,
        content: bytes,
        what: str,
        outcome: str = "embedded",
        *,
        warns: bool = False,
        listed: bool = True,
    ) -> Path:
        """Write a file; returns its absolute path."""
        full = self.note(name, what, outcome, warns=warns, listed=listed)
        full.write_bytes(content)
        return full
