"""Handcrafted embedding of timbre, rhythm, harmony and dynamics; numpy only, deterministic, no weights to download."""

from collections.abc import Sequence

import numpy as np

from embeddings.domain import Embedding, Span, Window
from embeddings.embedders import get_spec
from embeddings.embedders.acoustic.features import WindowReader
from embeddings.embedders.acoustic.pooling import load_constants, statistics, to_vector, window_weights
from embeddings.embedders.base import Features, Runtime
from embeddings.errors import VectorInvalid


class AcousticEmbedder:
    """Reads every window by itself, so a vector depends on its track alone.

    The vector is compared by plain cosine. It is the same at any gain.
    """

    def __init__(self, _runtime: Runtime) -> None:
        """Load the constants; it runs on any CPU, in one precision."""
        self.spec = get_spec("acoustic")
        self.batch_windows = self.spec.batch_windows
        self.standing = "on the CPU"
        self._reader = WindowReader()
        self._constants = load_constants()

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features]:
        """One [raw dimension] array per window; see `features.WindowReader` for the columns."""
        return [self._reader.read(window.samples) for window in windows]

    def pool(self, _spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """Weigh, average, standardise and project the windows of one track.

        Raises:
            VectorInvalid: all windows are silent, or the features are not finite.

        """
        rows = np.stack(features)
        if not window_weights(rows).any():
            raise VectorInvalid("Nothing in its windows can be heard.")
        vector = to_vector(statistics(rows, self._constants.varying), self._constants)
        if not np.isfinite(vector).all() or not vector.any():
            raise VectorInvalid("The acoustic features are not finite, or all zero.")
        return Embedding(vector=vector)

    def close(self) -> None:
        """Nothing to give back."""
