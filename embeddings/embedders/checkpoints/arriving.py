"""A download as the person who waits for it sees it: what has arrived, said once a second."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from embeddings.embedders.checkpoints.files import in_words

SECONDS_BETWEEN_SENTENCES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file of a repository, and the model that it is for."""

    key: str
    repository: str
    revision: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A wanted file that the hub has, on its way."""

    wanted: Wanted
    size: int
    """Bytes, as the hub says."""
    blob: Path
    """Where it will lie when it is complete."""

    @property
    def beginning(self) -> Path:
        """Where it lies until then."""
        return self.blob.with_name(f"{self.blob.name}.incomplete")

    @property
    def arrived(self) -> int:
        """Bytes that are here, from this attempt or an earlier one."""
        for path in (self.blob, self.beginning):
            if path.exists():
                return min(path.stat().st_size, self.size)
        return 0


@dataclass(slots=True, kw_only=True)
class Arriving:
    """All files of one download; `parts` is known when the hub has answered."""

    key: str
    source: str
    parts: tuple[Part, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(part.size for part in self.parts)

    @property
    def arrived(self) -> int:
        """Bytes that are here."""
        return sum(part.arrived for part in self.parts)

    @property
    def sentence(self) -> str:
        """Where it stands: `Downloading muq, 1.2 of 2.8 GB`."""
        if not self.parts:
            return f"Looking for {self.key} on {self.source}"
        size, unit = in_words(self.size).split()
        arrived = f"{self.arrived / 1e9:.1f}" if unit == "GB" else f"{self.arrived / 1e6:.0f}"
        return f"Downloading {self.key}, {arrived} of {size} {unit}"


def run_aside(work: Callable[[], None], meanwhile: Callable[[], None]) -> None:
    """Do `work` in a thread of its own and call `meanwhile` here, at once and every second until it is done.

    The caller's thread stays free: whoever is told can renew a lease, or raise to walk away. What was
    begun then goes on until the program ends, and what has arrived is kept.
    """
    ended: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            # The end of a thread: whatever happened belongs to the one who waits for it.
            ended.set_exception(error)
        else:
            ended.set_result(None)

    Thread(target=run, name="checkpoint-download", daemon=True).start()
    while True:
        meanwhile()
        if wait([ended], timeout=SECONDS_BETWEEN_SENTENCES).done:
            break
    ended.result()
