"""The model's side of the pipeline: windows in, complete tracks out, without ever waiting while there is work."""

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from embeddings.domain import Span
from embeddings.embedders.base import Embedder, Features
from embeddings.errors import TrackError
from embeddings.jobs.batching import Attempt, QueuedWindow, WindowBatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A decoder is through with a track: how many windows it sent, or why it gave up."""

    attempt: Attempt
    windows: int
    offset: float = 0.0
    audio_seconds: float = 0.0
    warning: str = ""
    error: TrackError | None = None


Message = QueuedWindow | Ended


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Complete:
    """A track that the model is through with: what it says of every window in time order, or why it cannot."""

    ended: Ended
    spans: list[Span]
    features: list[Features]
    error: TrackError | None


@dataclass(slots=True)
class _OpenTrack:
    """Features that arrived so far; windows of one track may be computed out of order."""

    rows: list[tuple[Span, Features]] = field(default_factory=list)
    ended: Ended | None = None
    error: TrackError | None = None


class Inference:
    """Batches windows, runs the model, and says which tracks are complete."""

    def __init__(self, embedder: Embedder, moved: Callable[[], None] = lambda: None) -> None:
        """Serve one run of one model; tell of every batch that is computed."""
        self._embedder = embedder
        self._moved = moved
        self._batcher = WindowBatcher(embedder.batch_windows)
        self._open: dict[Attempt, _OpenTrack] = {}

    def advance(self, messages: "queue.Queue[Message]", timeout: float) -> Iterator[Complete]:
        """Compute one batch, or take one message; yield the tracks that became complete.

        A full batch goes first; one that is not full is computed when no message waits.
        """
        if batch := self._batcher.full():
            yield from self._compute(batch)
            return
        try:
            message = messages.get_nowait()
        except queue.Empty:
            if batch := self._batcher.oldest():
                yield from self._compute(batch)
                return
            try:
                message = messages.get(timeout=timeout)
            except queue.Empty:
                return
        yield from self._accept(message)

    def _accept(self, message: Message) -> Iterator[Complete]:
        track = self._open.setdefault(message.attempt, _OpenTrack())
        if isinstance(message, Ended):
            track.ended = message
            track.error = track.error or message.error
            yield from self._finish(message.attempt)
        elif track.error is None:
            self._batcher.add(message)

    def _compute(self, batch: list[QueuedWindow]) -> Iterator[Complete]:
        features = self._embedder.embed_windows([queued.window for queued in batch])
        self._moved()
        for queued, row in zip(batch, features, strict=True):
            # A track whose decoder gave up is gone already; its windows in flight are dropped here.
            if (track := self._open.get(queued.attempt)) is None:
                continue
            if isinstance(row, TrackError):
                track.error = track.error or row
                track.rows.clear()
            elif track.error is None:
                track.rows.append((queued.window.span, row))
        # Memory that ran out during this batch may have lowered it.
        self._batcher.size = self._embedder.batch_windows
        for attempt in dict.fromkeys(queued.attempt for queued in batch):
            yield from self._finish(attempt)

    def _finish(self, attempt: Attempt) -> Iterator[Complete]:
        track = self._open.get(attempt)
        if track is None or track.ended is None:
            return
        if track.error is None and len(track.rows) < track.ended.windows:
            return
        del self._open[attempt]
        rows = [] if track.error else sorted(track.rows, key=lambda row: row[0].start)
        yield Complete(
            ended=track.ended,
            spans=[span for span, _ in rows],
            features=[features for _, features in rows],
            error=track.error,
        )
