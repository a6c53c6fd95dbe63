"""MuQ-MuLan's ear: ten-second clips into the space that it shares with text, windows of clips into a track's vector."""

from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

from embeddings.domain import EmbedderSpec, Embedding, Span, Window
from embeddings.embedders import get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.muq_checkpoint import folders_of, load_audio_tower
from embeddings.embedders.neural.embedder import TorchEmbedder
from embeddings.embedders.neural.enrich import enrich, to_vector


class MuqEmbedder(TorchEmbedder):
    """Hears every clip of a track once, though most lie in several windows.

    The package hears a window of 120 s as twelve clips one after the other and takes the mean of
    their latents, which are of unit length, without making it so again. As its windows start every
    15 s, they hear 108 clips of a track of four minutes; 45 of them are distinct.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Load MuQ and its projection; the text tower stays on disk.

        Raises:
            CheckpointRefused: the weights are missing, damaged or not this model's.

        """
        spec = get_spec("muq")
        super().__init__(spec, load_audio_tower(spec, folders_of(spec, runtime.checkpoint)), runtime)

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        """[B, n] -> one latent per clip: [joint_dimension], unit length."""
        latents: torch.Tensor = self.model(samples)
        return latents.unbind()

    def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
        """Average clips into windows and fold those; of all distinct clips, the normalised mean is the joint vector.

        Raises:
            VectorInvalid: the model gave numbers that are not finite.

        """
        clips = torch.stack(list(features))
        rows = torch.tensor(rows_of_windows(spans, self.spec), device=clips.device)
        windows = clips[rows].mean(dim=1)
        joint = normalize(clips.mean(dim=0), dim=0)
        return Embedding(vector=to_vector(enrich(windows.T)), joint=to_vector(joint))


def rows_of_windows(spans: Sequence[Span], spec: EmbedderSpec) -> list[list[int]]:
    """Which clips, by their position in `spans`, make each window of the track, in time order.

    Windows start every hop, and one more ends with the track; a track of one window or less is all
    of its clips.
    """
    seconds = spec.window_seconds, spec.hop_seconds, spec.clip_seconds
    size, hop, length = (round(value * spec.sample_rate) for value in seconds)
    position = {span.start: index for index, span in enumerate(spans)}
    end = max(span.start + span.length - span.wrapped for span in spans)
    if end <= size:
        return [sorted(position.values())]
    starts = list(range(0, end - size + 1, hop))
    if starts[-1] + size < end:
        starts.append(end - size)
    return [[position[start + offset] for offset in range(0, size, length)] for start in starts]
