"""Handcrafted embedding of timbre, rhythm, harmony and dynamics; numpy only, deterministic, no weights to download."""

from collections.abc import Sequence

import numpy as np

from embeddings.domain import Samples, Vector
from embeddings.embedders import get_spec
from embeddings.embedders.acoustic.features import WindowReader
from embeddings.embedders.acoustic.pooling import load_constants, statistics, to_vector, window_weights
from embeddings.embedders.base import Features
from embeddings.errors import VectorInvalid


class AcousticEmbedder:
    """Reads every window by itself, so a vector depends on its track alone.

    The vector is compared by plain cosine. It is the same at any gain.
    """

    def __init__(self) -> None:
        self.spec = get_spec("acoustic")
        self._reader = WindowReader()
        self._constants = load_constants()

    def embed_windows(self, windows: Sequence[Samples]) -> Features:
        """[windows, raw dimension]; see `features.WindowReader` for the columns."""
        return np.stack([self._reader.read(window) for window in windows])

    def pool(self, features: Features) -> Vector:
        """Weigh, average, standardise and project the windows of one track.

        Raises:
            VectorInvalid: all windows are silent, or the features are not finite.

        """
        if not window_weights(features).any():
            raise VectorInvalid("Nothing in its windows can be heard.")
        vector = to_vector(statistics(features, self._constants.varying), self._constants)
        if not np.isfinite(vector).all() or not vector.any():
            raise VectorInvalid("The acoustic features are not finite, or all zero.")
        return vector
