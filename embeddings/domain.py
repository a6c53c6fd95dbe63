"""The nouns that travel between rooms: frozen values without Django, torch or I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Audio: [n] mono or [n, 2] stereo, float32, nominally within -1..1."""

Vector = NDArray[np.float32]
"""One embedding: [dimension] float32, unit length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """What a model is, readable without loading it.

    `version` changes whenever the vectors change; vectors of different versions
    never share a generation.
    """

    key: str
    title: str
    version: int
    loader: str
    """Dotted path `package.module:callable`; called without arguments in the worker."""
    dimension: int
    sample_rate: int
    """Hz, what the decoder must deliver."""
    channels: Literal[1, 2]
    window_seconds: float
    hop_seconds: float
    min_seconds: float
    """Shorter audio is refused as `audio_too_short`."""
    alias: str
    """The store's alias that always points at the live generation."""
    batch_windows: int
    """Windows that one call of `Embedder.embed_windows` takes at most."""
    licence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRef:
    """One track as the pipeline needs it: identity, place, and the fields stored beside its vector."""

    id: str
    root: str
    """Absolute folder of its library, as this machine sees it."""
    path: str
    """Relative to `root`, `/`-separated, in the catalogue's text form (`embeddings.paths`)."""
    name: str
    """`Artist - Title`, for people; never a key."""
    library_id: int
    artist_key: str
    album_key: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorRow:
    """One row of a generation: the vector and the fields that searches filter by."""

    id: str
    name: str
    embedding: Vector
    offset: float
    """Seconds into the file where the embedded audio starts."""
    model_id: str
    """`key@version`, which spec made it."""
    library_id: int
    artist_key: str
    album_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One neighbour found by a search; `score` is the cosine, -1..1."""

    id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """What a search leaves out; empty sequences filter nothing."""

    library_ids: Sequence[int] = ()
    exclude_ids: Sequence[str] = ()
    exclude_artist_keys: Sequence[str] = ()
    exclude_album_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts by state of one group of rows."""

    total: int = 0
    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def settled(self) -> int:
        """How many will not be worked on any more."""
        return self.done + self.failed + self.cancelled

    @property
    def worked(self) -> int:
        """How many were worked on to their end; what was cancelled was not."""
        return self.done + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A job's progress, counted from its rows at one moment."""

    job_id: int
    state: str
    operations: Tally
    tracks: Tally
    skipped: int
    """Operations that the scope named and that were current already."""
    percent: float
    rate: float | None
    """Operations per second over the last minutes; None before the first."""
    eta_seconds: float | None
    elapsed_seconds: float
    audio_seconds: float
    """Seconds of music embedded so far."""
    current_model: str
    current_track: str
    message: str
    failures: dict[str, int] = field(default_factory=dict)
    """Failed operations by code."""
