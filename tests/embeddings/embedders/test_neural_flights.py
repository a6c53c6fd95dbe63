"""At most so many batches under way, and nobody waits for another's."""

import threading
from collections.abc import Callable

import torch

from embeddings.embedders.neural.flights import Flights
from tests.services import until


class Signal:
    """A batch that is done when the test says so."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.waited = threading.Event()

    def synchronize(self) -> None:
        self.waited.set()
        assert self.done.wait(10)


def begun(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_batch_waits_for_the_oldest_of_two() -> None:
    flights, signals = Flights(2), [Signal(), Signal()]
    for signal in signals:
        flights.make_room()
        flights.add(signal, [torch.zeros(3)])
    third = begun(flights.make_room)
    assert signals[0].waited.wait(10)
    assert third.is_alive()
    signals[0].done.set()
    third.join(10)
    assert not third.is_alive()
    assert not signals[1].waited.is_set()


def test_features_wait_for_their_own_batch_only() -> None:
    flights, signals = Flights(2), [Signal(), Signal()]
    batches = [torch.zeros(4, 3), torch.ones(4, 3)]
    for signal, batch in zip(signals, batches, strict=True):
        flights.add(signal, batch.unbind())
    waiting = begun(lambda: flights.wait_for([batches[0][2]]))
    assert signals[0].waited.wait(10)
    assert waiting.is_alive()
    signals[0].done.set()
    waiting.join(10)
    assert not waiting.is_alive()
    assert not signals[1].waited.is_set()


def test_features_of_two_batches_wait_for_both() -> None:
    flights, signals = Flights(2), [Signal(), Signal()]
    features = [torch.zeros(3), torch.ones(3)]
    for signal, feature in zip(signals, features, strict=True):
        flights.add(signal, [feature])
    waiting = begun(lambda: flights.wait_for(features))
    signals[0].done.set()
    assert signals[1].waited.wait(10)
    assert waiting.is_alive()
    signals[1].done.set()
    until(lambda: not waiting.is_alive())


def test_features_long_computed_wait_for_nothing() -> None:
    flights, signal = Flights(2), Signal()
    flights.add(signal, [torch.zeros(3)])
    flights.wait_for([torch.zeros(3)])
    assert not signal.waited.is_set()
