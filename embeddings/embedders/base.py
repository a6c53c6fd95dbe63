"""The protocol that every embedding model satisfies: windows in, features out, one vector per track."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec, Samples, Vector

Features = NDArray[np.float32]


class Embedder(Protocol):
    """A loaded model, resident in a worker; used by one thread at a time."""

    spec: EmbedderSpec

    def embed_windows(self, windows: Sequence[Samples]) -> Features:
        """Turn a batch of windows, of any tracks, into features.

        Args:
            windows: at most `spec.batch_windows`; each [n] or [n, 2] float32 at `spec.sample_rate`,
                n = `spec.window_seconds` x rate, or shorter for a track's only or last window.

        Returns:
            [len(windows), raw dimension] float32, row i for window i, independent of the others.

        """
        ...

    def pool(self, features: Features) -> Vector:
        """Fold one track's windows, in time order, into its vector.

        Args:
            features: [windows >= 1, raw dimension].

        Returns:
            [spec.dimension] float32, unit length.

        Raises:
            VectorInvalid: the result is not finite or all zero.

        """
        ...
