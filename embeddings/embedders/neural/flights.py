"""Which batches a device may still be computing, and who has to wait for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


class Done(Protocol):
    """What a device signals when it has finished a batch."""

    def synchronize(self) -> None:
        """Wait for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Flight:
    done: Done
    features: tuple[torch.Tensor, ...]
    """Held, so that nobody else can get their addresses while the batch is under way."""

    def carries(self, features: Sequence[torch.Tensor]) -> bool:
        ours = {_address(feature) for feature in self.features}
        return any(_address(feature) in ours for feature in features)


class Flights:
    """Bounds the batches under way; one thread launches them, any thread waits for features."""

    def __init__(self, most: int) -> None:
        """Let at most so many batches be under way."""
        self._most = most
        # Replaced, never changed: other threads read it.
        self._flights: tuple[_Flight, ...] = ()

    def make_room(self) -> None:
        """Wait until one more batch may be launched."""
        while len(self._flights) >= self._most:
            self._flights[0].done.synchronize()
            self._flights = self._flights[1:]

    def add(self, done: Done, features: Sequence[torch.Tensor]) -> None:
        """Note a batch that was launched, and the features that will come of it."""
        self._flights = (*self._flights, _Flight(done=done, features=tuple(features)))

    def wait_for(self, features: Sequence[torch.Tensor]) -> None:
        """Wait until these features are computed, and no longer."""
        for flight in self._flights:
            if flight.carries(features):
                flight.done.synchronize()


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
