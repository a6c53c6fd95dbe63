"""A small embedder for tests of the pipeline: level and brightness of each window, pooled over the track."""

from collections.abc import Sequence

import numpy as np

from embeddings.domain import EmbedderSpec, Samples, Vector
from embeddings.embedders.base import Features

LEVEL = EmbedderSpec(
    key="level",
    title="Level and brightness",
    version=1,
    loader="tests.embeddings.jobs.level:LevelEmbedder",
    dimension=3,
    sample_rate=8_000,
    channels=1,
    window_seconds=4.0,
    hop_seconds=4.0,
    min_seconds=0.5,
    alias="level_embedding",
    batch_windows=4,
    licence="MIT",
    source="tests",
)


class LevelEmbedder:
    """Satisfies `embeddings.embedders.base.Embedder`."""

    spec = LEVEL

    def embed_windows(self, windows: Sequence[Samples]) -> Features:
        """[rms, mean absolute difference, 1] of each window."""
        rows = [[np.sqrt(np.mean(w**2)), np.mean(np.abs(np.diff(w))), 1.0] for w in windows]
        return np.asarray(rows, np.float32)

    def pool(self, features: Features) -> Vector:
        """The mean over windows, as a unit vector."""
        mean = features.mean(axis=0)
        unit: Vector = (mean / np.linalg.norm(mean)).astype(np.float32)
        return unit
