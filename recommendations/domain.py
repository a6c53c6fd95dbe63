"""The nouns of a recommendation: what is asked for, and what is answered. Frozen, without Django or I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]
"""One number per candidate, in their order; NaN where there is none."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A track that may be in the answer, as the catalogue describes it."""

    id: str
    """Ours."""
    navidrome_id: str
    title: str
    artist: str
    album: str
    album_artist: str
    artist_key: str
    album_key: str
    path: str
    year: int | None
    genres: tuple[str, ...]
    duration: float | None
    """Seconds."""
    recording_mbid: str

    @property
    def name(self) -> str:
        """`Artist - Title`, falling back to the file's name."""
        title = self.title or self.path.rsplit("/", 1)[-1]
        return f"{self.artist} - {title}" if self.artist else title


QueryKind = Literal["track", "vector", "prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One thing that candidates are compared with, after all that was named had been looked up."""

    label: str
    """For people: a track's name, a prompt's words."""
    kind: QueryKind
    weight: float
    """Above 0; recency and the mode's own weights are in it."""
    source: str
    track_id: str = ""
    """Ours, where it is a track."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelScores:
    """What one model says of every candidate, on the calibrated scale."""

    model: str
    scores: Scores
    """0..1: probability that a random pair is less similar than the candidate is to what was asked; NaN without a
    vector."""
    among_hits: NDArray[np.bool_]
    """Whether this model's own search found the candidate."""
    similarity: NDArray[np.float64]
    """[queries, candidates]: the same for each query alone; NaN where this model cannot compare."""
    negative: Scores
    """0..1: strongest similarity to anything negative; NaN where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """What one model said of a track in an answer."""

    model: str
    score: float
    """Calibrated, after this model's negatives."""
    among_hits: bool
    rank: int
    """From 1, among all candidates of this model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShare:
    """How much one query has to do with a track in an answer."""

    label: str
    kind: QueryKind
    source: str
    similarity: float
    """Calibrated, 0..1, by the model that finds it most similar."""
    share: float
    """0..1 of all queries' influence on this track."""
    track_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """Why a track is further down than it sounds."""

    kind: Literal["negative", "disliked_sound", "disliked_artist", "low_rating", "familiar", "unfamiliar"]
    factor: float
    """What its score was multiplied by: 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a track is in an answer, and where."""

    sentence: str
    models: tuple[ModelShare, ...]
    """Best first."""
    closest: QueryShare | None
    """The seed that it is nearest to; None where only texts were asked for."""
    queries: tuple[QueryShare, ...]
    """All that had a share, the largest first, at most ten."""
    penalties: tuple[Penalty, ...]
    rank_before: int
    """From 1, by relevance alone."""
    rank_after: int
    """From 1, in the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One track of an answer."""

    candidate: Candidate
    score: float
    """0..1, relevance before diversity."""
    negative_similarity: float | None
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the engine answers."""

    tracks: tuple[Recommendation, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for people: what was left out, or is weaker than asked."""
    models: tuple[str, ...] = ()
    """Those that took part."""
    is_stub: bool = False
    """Whether a text was read by a stub, so that what it found means nothing."""
