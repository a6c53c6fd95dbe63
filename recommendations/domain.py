"""The nouns of a request: what is asked for. Frozen, without Django or I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from numpy.typing import ArrayLike

SeedKind = Literal["track", "album", "artist", "playlist"]
Strategy = Literal["union", "intersection", "priority"]
Wording = Literal["tower", "trained", "bridge", "stub"]
"""How a text became a vector: the model's own tower, a trained checkpoint, the learned bridge, or no meaning at all."""

MOST_LIMIT = 500
LEAST_PENALTY = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Something of the library that a list should sound like."""

    key: str
    """A track's id (ours, Navidrome's, or the one that Navidrome gave it before 0.64); Navidrome's of the others."""
    kind: SeedKind = "track"
    weight: float = 1.0
    """Relative to the other seeds, 0 for none at all; the tracks of an album, artist or playlist share it."""
    source: str = "seed"
    """Where it comes from, in the caller's word: `recent`, `favorites`."""
    played_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorSeed:
    """A sound, as vectors by model, each in any length of `EmbedderSpec`'s contract and of any norm."""

    vectors: Mapping[str, ArrayLike]
    label: str = "a given vector"
    weight: float = 1.0
    source: str = "vector"
    played_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What music should be like, or not, in words."""

    text: str
    weight: float = 1.0
    """1 for as much say as all seeds together have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What may be in an answer at all; an empty field lets everything pass."""

    library_ids: Sequence[int] = ()
    genres: Sequence[str] = ()
    """At least one of these, whatever their case."""
    exclude_genres: Sequence[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    """From and to, both included; a track without a year passes only where both are None."""
    seconds: tuple[float | None, float | None] = (None, None)
    """Shortest and longest duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """What must not be in an answer, whatever it sounds like."""

    track_ids: Sequence[str] = ()
    """Any form of id that a seed may have; unknown ones exclude nothing."""
    playlist_ids: Sequence[str] = ()
    artist_keys: Sequence[str] = ()
    album_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dislikes:
    """What the listener does not want to hear, nor much that sounds like it."""

    track_ids: Sequence[str] = ()
    artist_keys: Sequence[str] = ()
    ratings: Mapping[str, int] = field(default_factory=dict)
    """Stars by track id; 1 and 2 are dislikes, 2 a weaker one; 0 and more than 2 mean nothing here."""
    strength: float = 0.85
    """0..1: how far what sounds like them, or is by them, moves down."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Negatives:
    """What the answer should not sound like."""

    prompts: Sequence[Prompt] = ()
    vectors: Mapping[str, Sequence[ArrayLike]] = field(default_factory=dict)
    """By model."""
    penalty: float = 0.85
    """0.3..1: what is left of the score of a track that is exactly like them; 1 changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """How what several models say becomes one list."""

    strategy: Strategy = "union"
    priorities: Mapping[str, int] = field(default_factory=dict)
    """For `priority`: 1 comes first; a model that is not named comes after all that are."""
    agreement: int = 1
    """How many of the models must have a track among their hits; more agreement comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """How unlike each other the tracks of an answer are."""

    diversity: float | None = None
    """0 for the most relevant tracks, 1 for the most different ones after the best; None for the mode's own."""
    per_artist: int | None = None
    """Tracks of one artist at most, 0 for any number; None for the setting."""
    per_album: int | None = None
    versions: bool = False
    """Whether several copies of the same recording may be in one answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """One question to the engine."""

    mode: str = "custom"
    """A key of `modes.MODES`."""
    limit: int = 25
    user: str = ""
    """Navidrome's user name, for whom plays, stars and ratings count; empty for nobody's."""
    seeds: Sequence[Seed | VectorSeed] = ()
    prompts: Sequence[Prompt] = ()
    models: Sequence[str] = ()
    """Keys of specs; none means all that have vectors, in the order of `SPECS`."""
    merge: Merge = field(default_factory=Merge)
    filter: Filter = field(default_factory=Filter)
    exclude: Exclusions = field(default_factory=Exclusions)
    dislikes: Dislikes = field(default_factory=Dislikes)
    negatives: Negatives = field(default_factory=Negatives)
    variety: Variety = field(default_factory=Variety)
    tuning: Mapping[str, float] = field(default_factory=dict)
    """Parameters of the mode, by name in `modes.Mode`, that differ in this one request."""
