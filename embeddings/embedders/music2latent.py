"""Music2Latent: the encoder of a neural codec, whose latents of the left and the right channel are the features."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from music2latent import hparams, hparams_inference, models
from music2latent.audio import to_representation_encoder

from embeddings.domain import Embedding, Span, Window
from embeddings.embedders import get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.embedder import TorchEmbedder
from embeddings.embedders.neural.enrich import enrich, to_vector
from embeddings.embedders.neural.trial import blaming
from embeddings.embedders.neural.weights import find_weights, load_strictly, read_config, read_weights
from embeddings.errors import CheckpointRefused

WEIGHTS = ("music2latent.safetensors", "music2latent.pt")
PART = "encoder."
"""Prefix of the encoder's weights where the decoder's are with them, as in the published file."""

SIZES_FILE = "hparams.json"
WIDTHS = frozenset({"base_channels", "bottleneck_base_channels", "cond_channels"})
LEVELS = frozenset({"layers_list_encoder", "attention_list_encoder"})
"""Which of the package's hyperparameters a checkpoint may bring: channels, and what each level of the network holds."""
_SIZES_IN_USE = Lock()
"""The package has one set of them, so networks are built one after the other."""
LEAST_WIDTH, MOST_WIDTH = 4, 1024
MOST_BLOCKS = 8

_scalar: Any = np.float64().__reduce__()[0]
NUMPY_NUMBERS = (
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)),
)
"""What figures of a training are pickled as, under numpy's names before and since version 2; none runs anything."""

REACH = 3
"""Frames that begin before a place and reach beyond it: 2048 samples every 512."""
LATENT = 2 ** hparams.freq_downsample_list.count(0)
"""Frames that become one latent."""
LEAST_POWER = 1e-12


class Music2LatentEmbedder(TorchEmbedder):
    """Encodes chunk by chunk, with the numbers that the package has for the whole file.

    One channel of one window at a time: that fills a device already, takes half the memory of both
    together, and gives a window the same features to the last bit whatever else is in its batch.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Load the encoder alone; the package's own class would download, and run what its file says.

        Raises:
            CheckpointRefused: the weights are missing, damaged or not this model's.

        """
        if runtime.checkpoint is None:
            raise CheckpointRefused("latent needs its weights; set LATENT_CHECKPOINT to their folder.")
        super().__init__(get_spec("latent"), load_encoder(runtime.checkpoint.folders[""]), runtime)

    def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
        """[B, n, 2] -> [192, latents] per window; see `stereo_rows`."""
        return [self._features(both, window) for both, window in zip(samples, windows, strict=True)]

    def fold(self, spans: Sequence[Span], features: Sequence[torch.Tensor]) -> Embedding:
        """Enrich over the latents of the whole track.

        Raises:
            VectorInvalid: the model gave numbers that are not finite.

        """
        return Embedding(vector=to_vector(enrich(torch.cat(list(features), dim=1))))

    def _features(self, samples: torch.Tensor, window: Window) -> torch.Tensor:
        left = self._latents(samples[:, 0], window.span)
        # What was recorded in mono is decoded to two equal channels.
        mono = np.array_equal(window.samples[:, 0], window.samples[:, 1])
        return stereo_rows(left, left if mono else self._latents(samples[:, 1], window.span))

    def _latents(self, samples: torch.Tensor, span: Span) -> torch.Tensor:
        """[64, latents] of one channel [n], without those of the frames that only complete a chunk."""
        planes = to_representation_encoder(samples[None])
        own = (span.length - span.wrapped) // hparams.hop - REACH
        if span.wrapped:
            # The frames across the seam would hear two places of the track at once.
            planes = torch.cat([planes[..., :own], planes[..., own + REACH :]], dim=-1)
        latents: torch.Tensor = self.model(planes)[0, :, : own // LATENT] / hparams_inference.sigma_rescale
        return latents


def stereo_rows(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Channels of both sides in turn, then their magnitudes: L0, R0, .. L63, R63, |0| .. |63|.

    Args:
        left: [64, T].
        right: [64, T].

    Returns:
        [192, T].

    """
    turns = torch.stack([left, right], dim=1).flatten(0, 1)
    return torch.cat([turns, torch.sqrt(left.square() + right.square() + LEAST_POWER)])


def load_encoder(folder: Path) -> torch.nn.Module:
    """Build the package's encoder and fill it with the weights of a checkpoint folder.

    Raises:
        CheckpointRefused: the weights are missing, damaged or not this model's.

    """
    # On `meta`, nothing is made only to be overwritten, and nobody's random numbers are used up.
    sizes = _read_sizes(folder)
    with blaming(folder / SIZES_FILE, "describes no network that can be built"), _sized(sizes), torch.device("meta"):
        encoder: torch.nn.Module = models.Encoder()
    found = read_weights(folder, WEIGHTS, inside="gen_state_dict", allowed=NUMPY_NUMBERS)
    own = {key.removeprefix(PART): tensor for key, tensor in found.items() if key.startswith(PART)}
    load_strictly(encoder, own or found, source=find_weights(folder, WEIGHTS))
    return encoder


def _read_sizes(folder: Path) -> Mapping[str, Any]:
    """Hyperparameters of a network that is not the published one.

    Raises:
        CheckpointRefused: the file asks for something else, or for what cannot be built.

    """
    if not (folder / SIZES_FILE).exists():
        return {}
    sizes = read_config(folder, SIZES_FILE)
    for name, size in sizes.items():
        if not (name in WIDTHS and _is_width(size)) and not (name in LEVELS and _is_level_list(size)):
            raise CheckpointRefused(
                f"{folder / SIZES_FILE} asks for {name}={size!r}, which is no size of this network; "
                "correct it, or delete it for the published weights."
            )
    return sizes


def _is_width(size: object) -> bool:
    """Of powers of two, the package can make group norms and attention heads."""
    return type(size) is int and LEAST_WIDTH <= size <= MOST_WIDTH and size & (size - 1) == 0


def _is_level_list(size: object) -> bool:
    counts = size if isinstance(size, list) else []
    return len(counts) == len(hparams.multipliers_list) and all(
        type(count) is int and 0 <= count <= MOST_BLOCKS for count in counts
    )


@contextmanager
def _sized(sizes: Mapping[str, Any]) -> Iterator[None]:
    """The package keeps its hyperparameters as names of a module, which it reads while it builds a network."""
    with _SIZES_IN_USE:
        before = {name: getattr(models, name) for name in sizes}
        vars(models).update(sizes)
        try:
            yield
        finally:
            vars(models).update(before)
