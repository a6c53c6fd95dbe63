"""The model's side of the pipeline: windows in, whole tracks out, without ever waiting while there is work."""

import queue
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders.base import Embedder, Features
from embeddings.errors import TrackError
from embeddings.jobs.batching import QueuedWindow, WindowBatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A decoder is through with a track: how many windows it sent, or why it gave up."""

    track_id: str
    windows: int
    offset: float = 0.0
    audio_seconds: float = 0.0
    warning: str = ""
    error: TrackError | None = None


Message = QueuedWindow | Ended


@dataclass(slots=True)
class _OpenTrack:
    """Features that arrived so far, by window; windows of one track may be computed out of order."""

    rows: dict[int, Features] = field(default_factory=dict)
    ended: Ended | None = None

    @property
    def complete(self) -> bool:
        return self.ended is not None and (self.ended.error is not None or len(self.rows) == self.ended.windows)


class Inference:
    """Batches windows, runs the model, and folds complete tracks into vectors."""

    def __init__(self, spec: EmbedderSpec, embedder: Embedder) -> None:
        """Serve one run of one model."""
        self._embedder = embedder
        self._batcher = WindowBatcher(spec.batch_windows)
        self._open: dict[str, _OpenTrack] = {}

    def advance(self, messages: "queue.Queue[Message]", timeout: float) -> Iterator[tuple[Ended, Vector | TrackError]]:
        """Take one message, or compute when none waits; yield the tracks that became complete."""
        try:
            message = messages.get_nowait()
        except queue.Empty:
            batch = self._batcher.oldest()
            if batch:
                yield from self._compute(batch)
                return
            try:
                message = messages.get(timeout=timeout)
            except queue.Empty:
                return
        yield from self._accept(message)
        while batch := self._batcher.full():
            yield from self._compute(batch)

    def _accept(self, message: Message) -> Iterator[tuple[Ended, Vector | TrackError]]:
        track = self._open.setdefault(message.track_id, _OpenTrack())
        if isinstance(message, QueuedWindow):
            self._batcher.add(message)
        else:
            track.ended = message
            yield from self._finish(message.track_id)

    def _compute(self, batch: list[QueuedWindow]) -> Iterator[tuple[Ended, Vector | TrackError]]:
        features = self._embedder.embed_windows([window.samples for window in batch])
        for window, row in zip(batch, features, strict=True):
            # A track whose decoder gave up is gone already; its windows in flight are dropped here.
            if (track := self._open.get(window.track_id)) is not None:
                track.rows[window.index] = row
        for track_id in dict.fromkeys(window.track_id for window in batch):
            yield from self._finish(track_id)

    def _finish(self, track_id: str) -> Iterator[tuple[Ended, Vector | TrackError]]:
        track = self._open.get(track_id)
        if track is None or not track.complete or track.ended is None:
            return
        del self._open[track_id]
        yield track.ended, self._pool(track)

    def _pool(self, track: _OpenTrack) -> Vector | TrackError:
        if track.ended is not None and track.ended.error is not None:
            return track.ended.error
        try:
            return self._embedder.pool(np.stack([track.rows[index] for index in sorted(track.rows)]))
        except TrackError as error:
            return error
