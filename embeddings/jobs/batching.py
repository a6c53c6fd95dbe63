"""Gathers windows of many tracks into batches of equal shape, which is what models compute exactly and fast."""

import time
from dataclasses import dataclass, field

from embeddings.domain import Window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempt:
    """One attempt at one track; a track that is tried again in the same run has another."""

    track_id: str
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueuedWindow:
    """One window on its way to the model."""

    attempt: Attempt
    window: Window


@dataclass(slots=True)
class WindowBatcher:
    """Buckets by shape; a bucket that is full goes first, then the one that has waited longest."""

    size: int
    """Windows per batch at most; may be lowered while batches are taken."""
    _buckets: dict[tuple[int, ...], list[QueuedWindow]] = field(default_factory=dict)
    _waiting: int = 0

    def add(self, queued: QueuedWindow) -> None:
        """Put a window into the bucket of its shape."""
        self._buckets.setdefault(queued.window.samples.shape, []).append(queued)
        self._waiting += 1

    def full(self) -> list[QueuedWindow]:
        """Take a batch worth computing now: a full bucket, or the oldest once too many windows wait; else empty."""
        for shape, bucket in self._buckets.items():
            if len(bucket) >= self.size:
                return self._take(shape)
        # Tails of odd lengths never fill a bucket; without this they would wait, and hold memory, until the end.
        return self.oldest() if self._waiting > 4 * self.size else []

    def oldest(self) -> list[QueuedWindow]:
        """Take the batch whose first window has waited longest; empty when nothing waits."""
        shape = next(iter(self._buckets), None)
        return [] if shape is None else self._take(shape)

    def _take(self, shape: tuple[int, ...]) -> list[QueuedWindow]:
        bucket = self._buckets.pop(shape)
        batch, rest = bucket[: self.size], bucket[self.size :]
        if rest:
            self._buckets[shape] = rest
        self._waiting -= len(batch)
        return batch
