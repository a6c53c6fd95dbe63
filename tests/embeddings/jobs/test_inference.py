"""The model's side of the pipeline by itself: attempts kept apart, one batch at a time, time order, nothing held."""

import queue
from collections.abc import Sequence

import numpy as np

from embeddings.domain import Span, Window
from embeddings.embedders.base import Features
from embeddings.errors import AudioUnreadable, OutOfMemory, TrackError
from embeddings.jobs.batching import Attempt, QueuedWindow
from embeddings.jobs.inference import Complete, Ended, Inference, Message
from tests.embeddings.jobs.level import LevelEmbedder


class Counting(LevelEmbedder):
    """Counts its batches; its batch shrinks when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.refused_lengths: set[int] = set()

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """The position of each window, or an error."""
        self.batches.append(len(windows))
        return [
            OutOfMemory("no room") if window.span.length in self.refused_lengths else window.span.start
            for window in windows
        ]


def window(attempt: Attempt, start: int, length: int = 10) -> QueuedWindow:
    samples = np.zeros(length, np.float32)
    return QueuedWindow(
        attempt=attempt,
        window=Window(index=start, rate=8_000, span=Span(start=start, length=length), samples=samples),
    )


def run(model: Counting, messages: Sequence[Message]) -> list[Complete]:
    waiting: queue.Queue[Message] = queue.Queue()
    for message in messages:
        waiting.put(message)
    inference = Inference(model)
    found: list[Complete] = []
    while not waiting.empty() or len(found) < sum(isinstance(message, Ended) for message in messages):
        found += inference.advance(waiting, 0.01)
    return found


def test_features_come_in_time_order_whatever_order_windows_come_in() -> None:
    attempt = Attempt(track_id="a")
    messages: list[Message] = [
        window(attempt, 30),
        window(attempt, 10, 7),
        window(attempt, 0),
        Ended(attempt=attempt, windows=3),
    ]
    (complete,) = run(Counting(), messages)
    assert complete.features == [0, 10, 30]
    assert [span.start for span in complete.spans] == [0, 10, 30]


def test_a_second_attempt_has_no_window_of_the_first() -> None:
    first, second = Attempt(track_id="a"), Attempt(track_id="a")
    broken = Ended(attempt=first, windows=0, error=AudioUnreadable("cut off"))
    messages: list[Message] = [
        window(first, 0),
        broken,
        window(second, 5),
        window(second, 15),
        Ended(attempt=second, windows=2),
    ]
    failed, good = run(Counting(), messages)
    assert (failed.error, good.error) == (broken.error, None)
    assert good.features == [5, 15]


def test_one_advance_computes_one_batch_at_most() -> None:
    model = Counting()
    attempt, waiting = Attempt(track_id="a"), queue.Queue[Message]()
    for start in range(20):
        waiting.put(window(attempt, start, length=start + 1))
    inference = Inference(model)
    while not waiting.empty():
        before = len(model.batches)
        list(inference.advance(waiting, 0.01))
        # As if memory had run out: everything that waits is now too much.
        model.batch_windows = 1
        assert len(model.batches) - before <= 1


def test_a_track_whose_window_fails_computes_no_more_of_it() -> None:
    model = Counting()
    model.refused_lengths = {99}
    attempt, waiting = Attempt(track_id="a"), queue.Queue[Message]()
    inference = Inference(model)
    waiting.put(window(attempt, 0, length=99))
    list(inference.advance(waiting, 0.01))
    list(inference.advance(waiting, 0.01))
    waiting.put(window(attempt, 10))
    waiting.put(Ended(attempt=attempt, windows=2))
    list(inference.advance(waiting, 0.01))
    (complete,) = inference.advance(waiting, 0.01)
    assert isinstance(complete.error, OutOfMemory)
    assert model.batches == [1]
