"""Turns tracks into vectors: decoding beside inference, windows of many tracks in one batch.

    caller ─▶ waiting tracks ─▶ decoding threads ─▶ windows ─▶ model thread ─▶ features ─▶ pooling thread
       ▲                                                                                          │
       └────────────────────────────────────── outcomes ◀────────────────────────────────────────┘

One thread per decoder reads its child process; one thread runs the model, and never waits for a
result that the next batch does not need; one thread folds complete tracks into vectors; the caller's
thread feeds tracks and takes outcomes, and alone touches the database and the vector store. The
queues of windows and of complete tracks are bounded, so a slow model holds back the decoders.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from embeddings.audio.decoders import Decoder
from embeddings.domain import EmbedderSpec, Embedding, TrackRef
from embeddings.embedders.base import Embedder
from embeddings.errors import TrackError
from embeddings.jobs.inference import Complete, Ended, Inference, Message
from embeddings.jobs.listening import Listener
from embeddings.jobs.movement import Movement

T = TypeVar("T")

TICK_SECONDS = 0.5
CLOSE_SECONDS = 10.0
UNPOOLED = 8
"""Complete tracks that may wait to be folded; their features stay on the model's device meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """A track's embedding and what is told of it."""

    track_id: str
    embedding: Embedding
    offset: float
    audio_seconds: float
    seconds: float
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unembeddable:
    """A track that could not be embedded, and why."""

    track_id: str
    error: TrackError
    seconds: float


Outcome = Embedded | Unembeddable


class Pipeline:
    """The threads and queues of one run; used once, by one caller."""

    def __init__(
        self, spec: EmbedderSpec, embedder: Embedder, decoders: Sequence[Decoder], *, hung_seconds: float = float("inf")
    ) -> None:
        """Prepare a run of one model over the given decoders, which outlive it; it hangs when so long nothing moves."""
        self._movement = Movement(hung_seconds)
        self._listener = Listener(spec, self._send, self._movement.note)
        self._embedder = embedder
        self._decoders = decoders
        self._waiting: queue.Queue[TrackRef | None] = queue.Queue()
        self._messages: queue.Queue[Message] = queue.Queue(maxsize=2 * embedder.batch_windows)
        self._complete: queue.Queue[Complete] = queue.Queue(maxsize=UNPOOLED)
        self._outcomes: queue.Queue[Outcome | BaseException] = queue.Queue()
        self._inference = Inference(embedder, self._movement.note)
        self._stopping = False
        self._abandoned = threading.Event()
        self._in_hand = 0

    def run(self, slices: Iterator[Sequence[TrackRef]]) -> Generator[list[Outcome], None, None]:
        """Embed slices of tracks, asking for the next when decoders are about to run out of work.

        Yields the outcomes since the last time at least every half second, so that the caller may
        look up from its work; an empty list says that nothing finished meanwhile. Closing the
        iterator early abandons the tracks in hand.

        Raises:
            WorkerHung: nothing moved for too long; its threads are left alone.
            Exception: whatever the model raised that is not a track's fault.

        """
        threads = [threading.Thread(target=self._decoding, args=(decoder,), daemon=True) for decoder in self._decoders]
        threads += [threading.Thread(target=work, daemon=True) for work in (self._inferring, self._pooling)]
        for thread in threads:
            thread.start()
        try:
            self._top_up(slices)
            while self._in_hand:
                yield self._gather()
                self._movement.look()
                self._top_up(slices)
        finally:
            self._close(threads)

    def stop(self) -> list[TrackRef]:
        """Take no more tracks; return those that no decoder has begun. Those in hand are finished."""
        self._stopping = True
        dropped = []
        while True:
            try:
                ref = self._waiting.get_nowait()
            except queue.Empty:
                break
            if ref is not None:
                dropped.append(ref)
        self._in_hand -= len(dropped)
        return dropped

    def _top_up(self, slices: Iterator[Sequence[TrackRef]]) -> None:
        while not self._stopping and self._waiting.qsize() < 2 * len(self._decoders):
            refs = next(slices, None)
            if refs is None:
                return
            self._in_hand += len(refs)
            for ref in refs:
                self._waiting.put(ref)

    def _gather(self) -> list[Outcome]:
        found: deque[Outcome] = deque()
        deadline = time.monotonic() + TICK_SECONDS
        while self._in_hand:
            try:
                outcome = self._outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if isinstance(outcome, BaseException):
                raise outcome
            self._in_hand -= 1
            found.append(outcome)
        return list(found)

    def _close(self, threads: Sequence[threading.Thread]) -> None:
        self._abandoned.set()
        if self._movement.hangs:
            # Whoever waited for them would hang as well.
            return
        for _ in self._decoders:
            self._waiting.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        *decoding, inferring, pooling = threads
        for decoder, thread in zip(self._decoders, decoding, strict=True):
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
            # A child ends with the thread that started it; one that keeps its thread waiting is ended here.
            decoder.close()
            thread.join()
        inferring.join()
        pooling.join()

    # ---- decoding threads

    def _decoding(self, decoder: Decoder) -> None:
        while (ref := self._waiting.get()) is not None and not self._abandoned.is_set():
            try:
                self._send(self._listener.listen(decoder, ref))
            except _Abandoned:
                return
            except BaseException as error:
                # The thread's edge: whatever it is, it is ours, and the caller raises it.
                error.add_note(f"while decoding {ref.path!r}")
                self._outcomes.put(error)
                return

    def _send(self, message: Message) -> None:
        _put(self._messages, message, self._abandoned)

    # ---- model thread

    def _inferring(self) -> None:
        try:
            while not self._abandoned.is_set():
                for complete in self._inference.advance(self._messages, TICK_SECONDS):
                    _put(self._complete, complete, self._abandoned)
                    del complete
        except _Abandoned:
            return
        except BaseException as error:
            # The thread's edge: whatever it is, it is ours, and the caller raises it.
            self._outcomes.put(error)

    # ---- pooling thread

    def _pooling(self) -> None:
        try:
            while not self._abandoned.is_set():
                try:
                    complete = self._complete.get(timeout=TICK_SECONDS)
                except queue.Empty:
                    continue
                self._outcomes.put(self._outcome(complete))
                self._movement.note()
                # While nothing comes, the last track's features would stay on the device.
                del complete
        except BaseException as error:
            # The thread's edge: whatever it is, it is ours, and the caller raises it.
            self._outcomes.put(error)

    def _outcome(self, complete: Complete) -> Outcome:
        ended = complete.ended
        try:
            if complete.error is not None:
                raise complete.error
            embedding = self._embedder.pool(complete.spans, complete.features)
        except TrackError as error:
            return Unembeddable(track_id=ended.attempt.track_id, error=error, seconds=_since(ended))
        return Embedded(
            track_id=ended.attempt.track_id,
            embedding=embedding,
            offset=ended.offset,
            audio_seconds=ended.audio_seconds,
            seconds=_since(ended),
            warning=ended.warning,
        )


class _Abandoned(Exception):
    """The run was closed while a thread was at work."""


def _since(ended: Ended) -> float:
    return time.monotonic() - ended.attempt.began


def _put(channel: "queue.Queue[T]", message: T, abandoned: threading.Event) -> None:
    """Wait for a place in a bounded queue, as long as anybody wants what comes out of it.

    Raises:
        _Abandoned: nobody does any more.

    """
    while True:
        if abandoned.is_set():
            raise _Abandoned
        try:
            return channel.put(message, timeout=TICK_SECONDS)
        except queue.Full:
            continue
