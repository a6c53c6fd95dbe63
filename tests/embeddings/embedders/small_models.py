"""Real torch modules of a few numbers, and embedders made of them; what is wrong with each is in its name."""

from collections.abc import Sequence

import numpy as np
import torch

from embeddings.domain import EmbedderSpec, Embedding, Samples, Span, Window
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.embedder import TorchEmbedder
from embeddings.embedders.neural.enrich import enrich, to_vector
from embeddings.errors import TrackError

RATE = 100
WIDTH = 6

SPEC = EmbedderSpec(
    key="small",
    title="Small",
    version=1,
    loader="",
    dimension=3 * WIDTH,
    sample_rate=RATE,
    channels=1,
    window_seconds=1.0,
    hop_seconds=1.0,
    min_seconds=0.5,
    alias="small_embedding",
    batch_windows=8,
    licence="MIT",
    source="",
    precisions=("bfloat16", "tf32", "float32"),
    window_megabytes=100.0,
)


def small_model() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Conv1d(1, WIDTH, 5), torch.nn.GELU(), torch.nn.Conv1d(WIDTH, WIDTH, 3))


class SmallEmbedder(TorchEmbedder):
    """The time means of two convolutions."""

    def __init__(self, runtime: Runtime | None = None, spec: EmbedderSpec = SPEC) -> None:
        self.sizes: list[int] = []
        super().__init__(spec, small_model(), runtime or Runtime())

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        self.sizes.append(len(samples))
        heard: torch.Tensor = self.model(samples[:, None])
        return heard.mean(dim=2).unbind()

    def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
        return Embedding(vector=to_vector(enrich(torch.stack(list(features), dim=1))))


class HungryEmbedder(SmallEmbedder):
    """Runs out of memory above `most` windows, and on any batch with a window louder than 1."""

    most = 3

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        rows = super().compute(samples, windows)
        if len(samples) > self.most or samples.abs().max() > 1.0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return rows


class UnstableEmbedder(SmallEmbedder):
    """Takes the difference of large numbers, which bfloat16 loses, unless the window is silent."""

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        weights = torch.randn(samples.shape[1], WIDTH, generator=torch.Generator().manual_seed(3))
        mixed = samples @ (weights + 100.0)
        return (mixed.float() - 100.0 * samples.sum(dim=1, keepdim=True)).unbind()


def window(seed: int, *, gain: float = 0.3, shape: tuple[int, ...] = (RATE,)) -> Window:
    samples: Samples = gain * np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    return Window(index=seed, rate=RATE, span=Span(start=seed * RATE, length=RATE), samples=samples)


def loud_window(seed: int) -> Window:
    return window(seed, gain=10.0)


def stacked(features: Sequence[torch.Tensor | TrackError]) -> torch.Tensor:
    """[windows, WIDTH] of a batch in which nothing failed."""
    return torch.stack([feature for feature in features if isinstance(feature, torch.Tensor)])
