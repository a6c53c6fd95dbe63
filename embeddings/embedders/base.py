"""The protocol that every embedding model satisfies: windows in, features out, one embedding per track."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from embeddings.domain import EmbedderSpec, Embedding, Precision, Span, Vector, Window
from embeddings.errors import TrackError

Features = Any
"""What a model keeps of one window until its track is complete: an array, or a tensor on its device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model's weights and configuration on this machine."""

    folders: Mapping[str, Path]
    """Folder of each of the spec's `HubFiles`, by `HubFiles.folder`."""
    digest: str
    """SHA-256 over the contents of all files that are read."""


def _unheard(_sentence: str) -> None:
    """Where reports go that nobody asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where and how a model is to run."""

    device: str = "cpu"
    """As torch names it: `cpu`, `cuda:0`."""
    precision: Precision = "float32"
    checkpoint: Checkpoint | None = None
    memory_gb: float = 0.0
    """Memory of the device that weights and batches may take; 0 leaves it to the device."""
    report: Callable[[str], None] = _unheard
    """Told in a sentence what a person would want to know: loading, a smaller batch."""


class Embedder(Protocol):
    """A loaded model, resident in a worker; `embed_windows` is called by one thread at a time."""

    spec: EmbedderSpec

    @property
    def batch_windows(self) -> int:
        """How many windows one call takes now; may become smaller when memory runs out."""
        ...

    @property
    def standing(self) -> str:
        """Device, precision and batch in a few words, for people."""
        ...

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """Turn a batch of windows, of any tracks, into features.

        Args:
            windows: at most `batch_windows`, all of one shape: [n] or [n, 2] float32 at `spec.sample_rate`.

        Returns:
            One entry per window, in order, each independent of the others; an error where that
            window cannot be computed even alone, which fails its track.

        """
        ...

    def pool(self, spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """Fold one track's windows, in time order, into its embedding; may run beside `embed_windows`.

        Raises:
            VectorInvalid: the result is not finite or all zero.

        """
        ...

    def close(self) -> None:
        """Give the memory back; the embedder is not used afterwards."""
        ...


class TextEncoder(Protocol):
    """The text tower of a model that shares a space with its audio; used by one thread at a time."""

    spec: EmbedderSpec

    def encode(self, prompt: str) -> Vector:
        """Turn a prompt into [spec.joint_dimension] float32 of unit length, independent of other prompts.

        Raises:
            Refused: there is nothing to read in the prompt.

        """
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...
