"""The base of every neural embedder: batches within the memory there is, precision proven, features on the device."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from typing import final

import torch

from embeddings.domain import EmbedderSpec, Embedding, Precision, Span, Window
from embeddings.embedders.base import Checkpoint, Features, Runtime
from embeddings.embedders.neural import device as devices
from embeddings.embedders.neural.lanes import lane_to
from embeddings.embedders.neural.placing import displace, place
from embeddings.embedders.neural.precision import computing_in, likeness, sounds
from embeddings.embedders.neural.trial import blaming, configuration_of, noise_for, require_sound
from embeddings.errors import OutOfMemory, TrackError, WorkerUnfit

logger = logging.getLogger(__name__)

LEAST_LIKENESS = 0.9995
"""Cosine that a feature computed in a lesser precision must have with its float32 self."""
PROOFS = 3
"""Windows of sound that a lesser precision is compared on after loading."""


class TorchEmbedder(ABC):
    """A model on its device; a subclass says what a batch becomes and how a track is folded.

    Attributes:
        spec: what it is.
        device: where it computes.
        model: in evaluation mode, float32, on that device.

    """

    def __init__(self, spec: EmbedderSpec, model: torch.nn.Module, runtime: Runtime) -> None:
        """Move a model to its device, plan its batches, and try a checkpoint's on a second of noise.

        What `compute` needs has to be there before.

        Raises:
            CheckpointRefused: the model cannot compute, or makes no numbers of noise.
            WorkerUnfit: the device cannot compute in the precision, or cannot hold the weights.

        """
        self.spec = spec
        self.device = torch.device(runtime.device)
        self.model = model
        self._runtime = runtime
        self._batch = place(spec, model, runtime)
        self._lane = lane_to(self.device)
        self._unproven = 0 if runtime.precision == "float32" else PROOFS
        if runtime.checkpoint is not None:
            self._try_out(runtime.checkpoint)

    @abstractmethod
    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        """Turn a batch into features, each window's by itself; runs without gradients, in the right precision.

        Args:
            samples: [B, n] or [B, n, 2] float32 on the device.
            windows: the same windows as they came from the track.

        Returns:
            One tensor per window, on the device. A view keeps all that it is a view of until its track is folded.

        """

    @abstractmethod
    def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
        """Fold one track's features, float32 and in time order, into its embedding; runs without gradients.

        Raises:
            VectorInvalid: the result is not finite or all zero; `enrich.to_vector` finds out.

        """

    @property
    def batch_windows(self) -> int:
        """How many windows one call takes now."""
        return self._batch

    @property
    def standing(self) -> str:
        """Device, precision and batch in a few words."""
        return f"{devices.title(str(self.device))}, {self._runtime.precision}, batch {self._batch}"

    @final
    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """Turn a batch of windows into features; on a GPU it returns before they are computed.

        A batch that does not fit into memory is halved until it does, which is remembered; a window
        that does not fit alone is an error in its place.

        Raises:
            WorkerUnfit: the precision is too coarse for this model on this device.

        """
        before = self._batch
        found: list[torch.Tensor | TrackError] = []
        while len(found) < len(windows):
            part = windows[len(found) : len(found) + self._batch]
            features = self._attempt(part, self._runtime.precision)
            if features is not None:
                found += features
            elif len(part) > 1:
                self._batch = len(part) // 2
            else:
                found.append(self._too_large(part[0]))
        self._settle(before, found)
        self._prove(windows, found)
        return found

    @final
    def pool(self, spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """Fold one track's windows, in time order, into its embedding.

        Raises:
            VectorInvalid: the result is not finite or all zero.
            OutOfMemory: the device cannot hold what folding so many windows takes.

        """
        embedding = self._folded(spans, features)
        if embedding is None:
            devices.release_memory(str(self.device))
            embedding = self._folded(spans, features)
        if embedding is None:
            raise OutOfMemory(f"Its {len(spans)} windows together do not fit into the memory of {self.device}.")
        return embedding

    def close(self) -> None:
        """Give the memory back."""
        displace(self.model, str(self.device))

    def _try_out(self, checkpoint: Checkpoint) -> None:
        """Find out here, and not track by track, that a model cannot compute."""
        source = configuration_of(checkpoint)
        with ExitStack() as undo:
            undo.callback(self.close)
            # Layers that a training may drop ask for a random number even when none is dropped.
            with blaming(source, "describes a model that cannot compute"), torch.random.fork_rng(devices=()):
                features = self._attempt(noise_for(self.spec), "float32")
            if features is None:
                raise WorkerUnfit(
                    f"Beside {self.spec.key}, the memory of {self.device} does not hold a second of sound."
                )
            require_sound(features, source)
            undo.pop_all()

    def _settle(self, before: int, found: Sequence[torch.Tensor | TrackError]) -> None:
        """Keep a batch that became smaller, unless one window alone was to blame."""
        if self._batch == before:
            return
        if any(isinstance(entry, TrackError) for entry in found):
            self._batch = before
            return
        logger.warning("batch halved model=%s from=%d to=%d device=%s", self.spec.key, before, self._batch, self.device)
        self._runtime.report(
            f"{self.spec.key} takes {self._batch} windows at a time instead of {before}: "
            f"more do not fit into the memory of {self.device}."
        )

    def _too_large(self, window: Window) -> OutOfMemory:
        seconds = window.span.length / window.rate
        return OutOfMemory(
            f"Its {seconds:.0f} s from second {window.start_seconds:.0f} do not fit into the memory of {self.device}."
        )

    # ---- computing

    def _attempt(self, windows: Sequence[Window], precision: Precision) -> list[torch.Tensor] | None:
        """Compute a batch; None when memory ran out, and then none of it is held any more."""
        features = self._tried(windows, precision)
        if features is None:
            devices.release_memory(str(self.device))
        return features

    def _tried(self, windows: Sequence[Window], precision: Precision) -> list[torch.Tensor] | None:
        try:
            with computing_in(precision, self.device):
                rows = self.compute(self._lane.put(windows), windows)
                features = [row.to(torch.float32) for row in rows]
                self._lane.launched(features)
                return features
        except (RuntimeError, MemoryError) as error:
            if not devices.ran_out_of_memory(error):
                raise
            return None

    def _folded(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding | None:
        """Fold; None when memory ran out."""
        try:
            with torch.inference_mode(), self._lane.pooling(features):
                return self.fold(spans, features)
        except (RuntimeError, MemoryError) as error:
            if not devices.ran_out_of_memory(error):
                raise
            return None

    def _prove(self, windows: Sequence[Window], found: Sequence[torch.Tensor | TrackError]) -> None:
        """Compare the first features of sound after loading with their float32 selves, in a lesser precision."""
        if self._unproven:
            heard = (
                (window, feature)
                for window, feature in zip(windows, found, strict=True)
                if isinstance(feature, torch.Tensor) and sounds(window.samples)
            )
            for window, feature in islice(heard, self._unproven):
                self._compare(window, feature)

    def _compare(self, window: Window, feature: torch.Tensor) -> None:
        exact = self._attempt([window], "float32")
        if exact is None or not exact[0].isfinite().all() or not exact[0].any():
            # Nothing to compare with in this window; another will tell.
            return
        cosine = likeness(feature, exact[0])
        if not cosine >= LEAST_LIKENESS:
            raise WorkerUnfit(
                f"{self.spec.key} computed in {self._runtime.precision} on {self.device} differs from float32 "
                f"(cosine {cosine:.5f}, at least {LEAST_LIKENESS} is needed); set PRECISION=float32."
            )
        logger.info(
            "precision proven model=%s precision=%s cosine=%.6f", self.spec.key, self._runtime.precision, cosine
        )
        self._unproven -= 1
