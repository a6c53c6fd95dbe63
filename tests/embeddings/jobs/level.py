"""A small embedder for tests of the pipeline: level and brightness of each window, pooled over the track."""

from collections.abc import Sequence

import numpy as np

from embeddings.domain import EmbedderSpec, Embedding, Span, Window
from embeddings.embedders.base import Features, Runtime
from embeddings.errors import TrackError

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
    batch_windows = LEVEL.batch_windows
    standing = "on the CPU"

    def __init__(self, runtime: Runtime | None = None) -> None:
        self.runtime = runtime or Runtime()

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """[rms, mean absolute difference, 1] of each window."""
        heard = [window.samples for window in windows]
        return [np.asarray([np.sqrt(np.mean(w**2)), np.mean(np.abs(np.diff(w))), 1.0], np.float32) for w in heard]

    def pool(self, _spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """The mean over windows, as a unit vector."""
        mean = np.mean(features, axis=0)
        return Embedding(vector=(mean / np.linalg.norm(mean)).astype(np.float32))

    def close(self) -> None:
        """Nothing to give back."""
