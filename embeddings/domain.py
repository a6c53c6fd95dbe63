"""The nouns that travel between rooms: frozen values without Django, torch or I/O."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Audio: [n] mono or [n, 2] stereo, float32, nominally within -1..1."""

Vector = NDArray[np.float32]
"""One embedding: [dimension] float32, unit length."""

Precision = Literal["float32", "tf32", "bfloat16"]
"""How a model's matrix products are computed; the weights are float32 in all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """What a checkpoint takes from one repository of the Hugging Face hub, at one revision."""

    repository: str
    revision: str
    """A commit wherever one is known; a branch, which may move, where none is."""
    names: tuple[str, ...]
    folder: str = ""
    """Where these files lie inside a local checkpoint; empty for the checkpoint's own folder."""
    megabytes: int = 0
    """Roughly how much they are, for people; 0 when nobody knows."""


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
    """Dotted path `package.module:callable`; called in the worker with an `embedders.base.Runtime`."""
    dimension: int
    """What the store holds."""
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
    """Windows that one call of `Embedder.embed_windows` takes at most, whatever memory there is."""
    licence: str
    """Of the code that computes it."""
    source: str
    cutter: str = "embeddings.audio.windows:cut_sliding"
    """Dotted path of what cuts a track into windows."""
    clip_seconds: float = 0.0
    """Length of the clips that its windows are averaged from; 0 for a model that takes a window whole."""
    skips_silence: bool = False
    """Whether windows in which nothing can be heard are left out; a silent track is refused either way."""
    outside_dimension: int = 0
    """Length of the vectors that callers give and get, where the store holds a projection of them; else 0."""
    joint_dimension: int = 0
    """Length of the second vector, in the space that the model shares with text; 0 when it knows no text."""
    text_loader: str = ""
    """Dotted path of its text tower's loader."""
    weights_licence: str = ""
    """Of the checkpoint, where there is one."""
    checkpoint: tuple[HubFiles, ...] = ()
    """Where the checkpoint comes from; empty for a model without weights."""
    packages: tuple[str, ...] = ()
    """Distributions whose version changes the vectors; torch is not one, whose versions agree to rounding."""
    precisions: tuple[Precision, ...] = ("float32",)
    """Precisions in which it may be computed, the best for a GPU first."""
    window_megabytes: float = 0.0
    """Memory that one window takes while it is computed in float32, beside the weights; measured."""

    @property
    def noncommercial(self) -> bool:
        """Whether a licence forbids commercial use, as the NC of Creative Commons does."""
        return any("-NC" in licence for licence in (self.licence, self.weights_licence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where a window lies in its track, in samples at the model's rate."""

    start: int
    length: int
    wrapped: int = 0
    """How many of its samples, at its end, were taken from the start of the track to complete it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """One stretch of a track: [n] or [n, 2] float32 samples that nobody else holds."""

    index: int
    rate: int
    span: Span
    samples: Samples

    @property
    def start_seconds(self) -> float:
        """Where it starts in the track."""
        return self.span.start / self.rate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """What a model says of a whole track."""

    vector: Vector
    joint: Vector | None = None
    """[spec.joint_dimension] unit length, comparable with texts; None when the model knows no text."""


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
class Labelled:
    """What a generation keeps of a track beside its vectors; searches filter by some of it."""

    name: str
    offset: float
    """Seconds into the file where the embedded audio starts."""
    model_id: str
    """`key@version`, and the start of the checkpoint's digest where there is one: what made its vectors."""
    library_id: int
    artist_key: str
    album_key: str
    year: int = 0
    """0 where nobody knows it."""
    seconds: float = 0.0
    """How long the track is by its tags; 0 where nobody knows."""
    genres: tuple[str, ...] = ()
    """As the track has them; a store keeps what `embeddings.store.checks.genre_keys` makes of them."""
    missing: bool = False
    """Whether the track's file was gone when this was written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorRow(Labelled):
    """One row of a generation."""

    id: str
    embedding: Vector
    joint: Vector | None = None
    """The second vector, where the generation has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels(Labelled):
    """A row without its vectors."""

    def row(self, track_id: str, embedding: Vector, joint: Vector | None = None) -> VectorRow:
        """Put vectors beside them."""
        return VectorRow(id=track_id, embedding=embedding, joint=joint, **asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One neighbour found by a search; `score` is the cosine, -1..1."""

    id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """What a search leaves out, by labels that follow the catalogue with a delay; empty sequences filter nothing."""

    library_ids: Sequence[int] = ()
    exclude_ids: Sequence[str] = ()
    exclude_artist_keys: Sequence[str] = ()
    exclude_album_keys: Sequence[str] = ()
    genres: Sequence[str] = ()
    """At least one of these, whatever their case."""
    exclude_genres: Sequence[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    """From and to, both included; a row without a year passes only where both are None."""
    seconds: tuple[float | None, float | None] = (None, None)
    """Shortest and longest duration, likewise."""
    present: bool = False
    """Leave out what is labelled as missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something, and through which door."""

    name: str
    """A user's name; empty where nobody signed in."""
    door: Literal["admin", "api", "command", "schedule", "system"]

    def __str__(self) -> str:
        return f"{self.name} ({self.door})" if self.name else self.door


SYSTEM = Actor(name="", door="system")
"""What happens by itself."""


MOST_BATCH = 10_000
MOST_RETRIES = 100
MOST_DELAY_SECONDS = 3600.0
"""Each the most of a job's option that makes sense; none of them is below 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """How one job is worked off, where it differs from the settings."""

    batch_size: int = 0
    """Operations of one slice; 0 for the setting."""
    max_retries: int | None = None
    """Automatic attempts after the first, at most; None leaves it to the kind of failure, 0 is never."""
    delay_seconds: float = 0.0
    """Pause of a worker between two slices, which leaves a machine to its other users."""
    verify: bool = True
    """Whether a generation that was filled is verified at the end of the job."""
    promote: bool = True
    """Whether it then takes the place of the live one, when it passed."""
    backup: bool = False
    """Whether the live generation is exported before it is replaced."""
