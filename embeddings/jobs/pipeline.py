"""Turns tracks into vectors: decoding beside inference, windows of many tracks in one batch.

    caller ─▶ waiting tracks ─▶ decoding threads ─▶ windows ─▶ model thread ─▶ outcomes ─▶ caller

One thread per decoder reads its child process; one thread runs the model; the caller's thread
feeds tracks and takes outcomes, and alone touches the database and the vector store. The queue
of windows is bounded, so a slow model holds back the decoders; the other two hold no samples.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from embeddings.audio.decoders import Decoder
from embeddings.audio.quality import require_length, require_sound
from embeddings.audio.windows import audible, cut
from embeddings.domain import EmbedderSpec, TrackRef, Vector
from embeddings.embedders.base import Embedder
from embeddings.errors import TrackError
from embeddings.jobs.batching import QueuedWindow
from embeddings.jobs.inference import Ended, Inference, Message

TICK_SECONDS = 0.5
CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """A track's vector and what is told of it."""

    track_id: str
    vector: Vector
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

    def __init__(self, spec: EmbedderSpec, embedder: Embedder, decoders: Sequence[Decoder]) -> None:
        """Prepare a run of one model over the given decoders, which outlive it."""
        self._spec = spec
        self._decoders = decoders
        self._waiting: queue.Queue[TrackRef | None] = queue.Queue()
        self._messages: queue.Queue[Message] = queue.Queue(maxsize=2 * spec.batch_windows)
        self._outcomes: queue.Queue[Outcome | BaseException] = queue.Queue()
        self._inference = Inference(spec, embedder)
        self._stopping = False
        self._abandoned = threading.Event()
        self._in_hand = 0
        self._started: dict[str, float] = {}

    def run(self, slices: Iterator[Sequence[TrackRef]]) -> Generator[list[Outcome], None, None]:
        """Embed slices of tracks, asking for the next when decoders are about to run out of work.

        Yields the outcomes since the last time at least every half second, so that the caller may
        look up from its work; an empty list says that nothing finished meanwhile. Closing the
        iterator early abandons the tracks in hand.

        Raises:
            Exception: whatever the model raised that is not a track's fault.

        """
        threads = [threading.Thread(target=self._decoding, args=(decoder,), daemon=True) for decoder in self._decoders]
        threads.append(threading.Thread(target=self._inferring, daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._top_up(slices)
            while self._in_hand:
                yield self._gather()
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
        for _ in self._decoders:
            self._waiting.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        *decoding, inferring = threads
        for decoder, thread in zip(self._decoders, decoding, strict=True):
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
            # A child ends with the thread that started it; one that keeps its thread waiting is ended here.
            decoder.close()
            thread.join()
        inferring.join()

    # ---- decoding threads

    def _decoding(self, decoder: Decoder) -> None:
        while (ref := self._waiting.get()) is not None and not self._abandoned.is_set():
            self._started[ref.id] = time.monotonic()
            try:
                self._send(self._attempt(decoder, ref))
            except _Abandoned:
                return
            except BaseException as error:
                # The thread's edge: whatever it is, it is ours, and the caller raises it.
                error.add_note(f"while decoding {ref.path!r}")
                self._outcomes.put(error)
                return

    def _attempt(self, decoder: Decoder, ref: TrackRef) -> Ended:
        try:
            return self._decode(decoder, ref)
        except TrackError as error:
            return Ended(track_id=ref.id, windows=0, error=error)

    def _decode(self, decoder: Decoder, ref: TrackRef) -> Ended:
        spec, kept, offset = self._spec, 0, 0.0
        rate, shortest = spec.sample_rate, spec.min_seconds * spec.sample_rate
        with decoder.decode(ref.root, ref.path, rate=rate, channels=spec.channels) as decoding:
            windows = cut(decoding, rate=rate, window_seconds=spec.window_seconds, hop_seconds=spec.hop_seconds)
            for window in windows:
                if len(window.samples) < shortest or not audible(window):
                    continue
                offset = offset if kept else window.start_seconds
                self._send(QueuedWindow(track_id=ref.id, index=kept, samples=window.samples))
                kept += 1
            summary = decoding.summary
        require_length(summary.seconds, min_seconds=spec.min_seconds)
        require_sound(kept)
        warning = " ".join(summary.warnings)
        return Ended(track_id=ref.id, windows=kept, offset=offset, audio_seconds=summary.seconds, warning=warning)

    def _send(self, message: Message) -> None:
        while True:
            if self._abandoned.is_set():
                raise _Abandoned
            try:
                return self._messages.put(message, timeout=TICK_SECONDS)
            except queue.Full:
                continue

    # ---- model thread

    def _inferring(self) -> None:
        try:
            while not self._abandoned.is_set():
                for ended, result in self._inference.advance(self._messages, TICK_SECONDS):
                    self._outcomes.put(self._outcome(ended, result))
        except BaseException as error:
            # The thread's edge: whatever it is, it is ours, and the caller raises it.
            self._outcomes.put(error)

    def _outcome(self, ended: Ended, result: Vector | TrackError) -> Outcome:
        seconds = time.monotonic() - self._started.pop(ended.track_id)
        if isinstance(result, TrackError):
            return Unembeddable(track_id=ended.track_id, error=result, seconds=seconds)
        return Embedded(
            track_id=ended.track_id,
            vector=result,
            offset=ended.offset,
            audio_seconds=ended.audio_seconds,
            seconds=seconds,
            warning=ended.warning,
        )


class _Abandoned(Exception):
    """The run was closed while a thread was at work."""
