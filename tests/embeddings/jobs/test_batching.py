"""Windows of equal shape together, full batches first, nothing left waiting."""

import numpy as np

from embeddings.domain import Span, Window
from embeddings.jobs.batching import Attempt, QueuedWindow, WindowBatcher


def window(track: str, length: int, index: int = 0) -> QueuedWindow:
    samples = np.zeros(length, np.float32)
    return QueuedWindow(
        attempt=Attempt(track_id=track),
        window=Window(index=index, rate=8_000, span=Span(start=0, length=length), samples=samples),
    )


def filled(size: int, *windows: QueuedWindow) -> WindowBatcher:
    batcher = WindowBatcher(size)
    for one in windows:
        batcher.add(one)
    return batcher


def tracks(batch: list[QueuedWindow]) -> list[str]:
    return [one.attempt.track_id for one in batch]


def test_windows_of_many_tracks_share_a_batch() -> None:
    batcher = filled(3, window("a", 10), window("b", 10), window("c", 10), window("d", 10))
    assert tracks(batcher.full()) == ["a", "b", "c"]
    assert batcher.full() == []
    assert tracks(batcher.oldest()) == ["d"]


def test_windows_of_other_lengths_never_share_a_batch() -> None:
    batcher = filled(2, window("a", 10), window("b", 7), window("c", 10))
    assert tracks(batcher.full()) == ["a", "c"]
    assert tracks(batcher.oldest()) == ["b"]
    assert batcher.oldest() == []


def test_what_has_waited_longest_goes_first() -> None:
    batcher = filled(4, window("tail", 3), window("a", 10), window("b", 10))
    assert tracks(batcher.oldest()) == ["tail"]


def test_odd_tails_are_computed_before_they_pile_up() -> None:
    batcher = filled(2, *[window(str(length), length) for length in range(1, 10)])
    assert tracks(batcher.full()) == ["1"]
    assert batcher.full() == []
