"""How windows reach a device and features are folded on it: at once on a CPU, two batches deep on a GPU."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch

from embeddings.domain import Window
from embeddings.embedders.neural.flights import Flights

MOST_BATCHES = 2
"""One that a GPU computes, and one that waits behind it while the host stacks the next."""


class Lane(ABC):
    """The way to one device; `put` and `launched` are called by one thread, `pooling` by any."""

    @abstractmethod
    def put(self, windows: Sequence[Window]) -> torch.Tensor:
        """Stack windows of one shape into [B, ...] float32 on the device."""

    @abstractmethod
    def launched(self, features: Sequence[torch.Tensor]) -> None:
        """Note that a batch is being computed, and what will come of it."""

    @abstractmethod
    def pooling(self, features: Sequence[torch.Tensor]) -> AbstractContextManager[None]:
        """Wait for features, and compute with them beside the batches that follow."""


class HostLane(Lane):
    """To the CPU, where whatever was asked for is done."""

    def put(self, windows: Sequence[Window]) -> torch.Tensor:
        """Stack windows."""
        return stack(windows, pinned=False)

    def launched(self, features: Sequence[torch.Tensor]) -> None:
        """Nothing is under way."""

    def pooling(self, features: Sequence[torch.Tensor]) -> AbstractContextManager[None]:
        """Nothing to wait for."""
        return nullcontext()


class CudaLane(Lane):
    """To a GPU, which never waits for the host while there are windows.

    Batches run on the device's own stream, tracks are folded on another. Behind the batches a fold
    would wait for two that it does not need, and only one track per two batches would get through.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._beside = torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]
        self._flights = Flights(MOST_BATCHES)

    def put(self, windows: Sequence[Window]) -> torch.Tensor:
        """Stack windows into pinned memory and send them off; waits while two batches are under way."""
        # torch keeps pinned blocks, and gives one out again only after the copy that reads it is done.
        staged = stack(windows, pinned=True)
        self._flights.make_room()
        return staged.to(self._device, non_blocking=True)

    def launched(self, features: Sequence[torch.Tensor]) -> None:
        """Mark the end of the batch in the device's stream."""
        # Who waits for a blocking event sleeps; for any other it spins, on a core that decoding could use.
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record(torch.cuda.current_stream(self._device))
        self._flights.add(done, features)

    @contextmanager
    def pooling(self, features: Sequence[torch.Tensor]) -> Iterator[None]:
        """Wait until these features are computed, then compute on the stream beside the batches."""
        self._flights.wait_for(features)
        with torch.cuda.stream(self._beside):
            try:
                yield
            finally:
                # The features' memory goes back to the batches, so nothing here may still be reading it.
                self._beside.synchronize()


def lane_to(device: torch.device) -> Lane:
    """Choose how to reach a device."""
    return CudaLane(device) if device.type == "cuda" else HostLane()


def stack(windows: Sequence[Window], *, pinned: bool) -> torch.Tensor:
    """Copy windows of one shape into one [B, ...] float32 tensor on the host, copied only once."""
    batch = torch.empty((len(windows), *windows[0].samples.shape), dtype=torch.float32, pin_memory=pinned)
    np.stack([window.samples for window in windows], out=batch.numpy())
    return batch
