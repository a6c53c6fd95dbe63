"""The nouns of an answer: candidates, what models say of them, why a track is there. Frozen, without Django or I/O."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""One number per candidate, in their order; NaN where there is none."""

QueryKind = Literal["track", "vector", "prompt"]
PenaltyKind = Literal["negative", "disliked_sound", "disliked_artist", "low_rating", "familiar", "unfamiliar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A track that may be in the answer, as the catalogue describes it."""

    id: str
    """Ours."""
    navidrome_id: str
    library_id: int
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

    kind: PenaltyKind
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
