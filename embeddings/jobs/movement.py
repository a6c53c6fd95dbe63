"""Notices when nothing moves in a pipeline any more, such as with a model whose device hangs."""

import time

from embeddings.errors import WorkerHung

GLANCE_SECONDS = 5.0
"""More than this between two looks was spent elsewhere by who looks, and proves nothing."""


class Movement:
    """Threads note that something moved; one watcher looks, and counts the time in which it saw nothing move."""

    def __init__(self, limit: float) -> None:
        """Begin to watch.

        Args:
            limit: seconds without any movement after which it hangs; infinity for never.

        """
        self._limit = limit
        self._moves = self._seen = 0
        self._quiet = 0.0
        self._looked = time.monotonic()

    def note(self) -> None:
        """Say that something was decoded, computed or pooled; for any thread."""
        # Of two at the same moment one may be lost, and the other is seen.
        self._moves += 1

    @property
    def hangs(self) -> bool:
        """Whether it was given up."""
        return self._quiet > self._limit

    def look(self) -> None:
        """Look again; for the watcher.

        Raises:
            WorkerHung: nothing has moved for too long.

        """
        # Not the time since the last movement: a watcher that was stopped, as a virtual machine that is moved, or
        # that waited for the vector store, finds threads that were stopped as well, or had nothing to do.
        now = time.monotonic()
        gone, self._looked = now - self._looked, now
        moves = self._moves
        self._quiet = self._quiet + min(gone, GLANCE_SECONDS) if moves == self._seen else 0.0
        self._seen = moves
        if self.hangs:
            raise WorkerHung(f"Nothing was decoded or computed for {self._quiet:.0f} s; its device seems to hang.")
