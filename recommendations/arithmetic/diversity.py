"""Chooses the tracks of an answer: the relevant ones, unlike each other, no recording twice; numpy only.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the best candidate comes first, and each that follows
is the one with the greatest

    (1 - diversity) * worth - diversity * (greatest similarity to a track that was chosen)

*Worth* is a candidate's place by relevance, from 1 for the best down by 1 over `REACH` lists of the wanted length:
calibrated scores crowd below 1 in a large library, where their differences would count for nothing beside similarity's.
*Similarity* is the mean over the models that know both tracks of their vectors' cosine, on a scale on which a random
pair of the model's library has 0 and a track with itself 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommendations.arithmetic.calibration import Background, Vectors
from recommendations.arithmetic.recordings import Recording, are_same, are_versions, recording_of
from recommendations.results import Candidate, Scores

Indexes = NDArray[np.int64]

REACH = 10
"""Lists of the wanted length over which worth falls from 1 to 0."""
SAME_SOUND = 0.95
"""Similarity, on the scale on which a random pair has 0, from which one model takes two tracks for one recording."""
SEAM = 1e-12
"""What a score of 1 stays below one of 0 in the next better tier."""
MOST_CROWDED = 0.999
"""Mean cosine of random pairs beyond which a space tells nothing apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """The candidates in one model's space."""

    vectors: Vectors
    """[candidates, dimension] of unit length; rows of NaN or zeros where there is none."""
    crowd: float
    """Mean cosine of random pairs of the library: `Background.crowd`."""

    @classmethod
    def of(cls, vectors: Vectors, background: Background) -> Self:
        """The candidates before the background of their space."""
        return cls(vectors=vectors, crowd=background.crowd)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What there is to choose from, and how."""

    candidates: Sequence[Candidate]
    relevance: Scores
    """0..1; NaN for what is left out."""
    sounds: Sequence[Sound]
    """One per model."""
    limit: int
    diversity: float = 0.0
    per_artist: int = 0
    """Tracks of one artist at most; 0 for any number, as for one without a key."""
    per_album: int = 0
    versions: bool = False
    """Whether copies of one recording may be chosen."""
    beside: Sequence[int] = ()
    """Indexes of candidates that the listener has before him anyway: neither they nor copies of them are chosen."""


def relevance(score: Scores, tier: NDArray[np.int64]) -> Scores:
    """[n] 0..1 of scores in tiers: what is in a better tier is more relevant, whatever its score; NaN stays."""
    found = np.unique(tier[~np.isnan(score)])
    place = np.searchsorted(found, tier)
    within = score * (1.0 - SEAM) if len(found) > 1 else score
    whole: Scores = (len(found) - 1 - place + within) / max(1, len(found))
    return whole


def choose(choice: Choice) -> Indexes:
    """Indexes of the chosen candidates, at most `limit`, in the order of the answer.

    The best comes first at any diversity. What is equally relevant stays in its order.
    """
    chosen, picking = list[int](), _Picking(choice)
    while len(chosen) < choice.limit and (best := picking.best()) is not None:
        if picking.take(best):
            chosen.append(best)
    return np.array(chosen, np.int64)


class _Picking:
    """The state of one choice."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._spaces = [_Space(sound) for sound in choice.sounds]
        self._worth = _worth(choice.relevance, choice.limit)
        self._open = ~np.isnan(choice.relevance)
        self._nearest: Scores | None = None
        self._caps = [
            _Cap([candidate.artist_key for candidate in choice.candidates], choice.per_artist),
            _Cap([candidate.album_key for candidate in choice.candidates], choice.per_album),
        ]
        self._there: list[tuple[Recording, NDArray[np.bool_]]] = []
        for index in choice.beside:
            self._open[index] = False
            self._remember(index)

    def best(self) -> int | None:
        """The open candidate with the greatest marginal relevance."""
        diversity = self._choice.diversity
        marginal = self._worth if self._nearest is None else (1 - diversity) * self._worth - diversity * self._nearest
        marginal = np.where(self._open, marginal, -np.inf)
        # Of equals the most relevant: at diversity 1 nothing else would decide between two that are unlike all.
        top = np.flatnonzero(marginal == marginal.max(initial=-np.inf))
        best = int(top[np.argmax(self._worth[top])]) if len(top) else -1
        return best if best >= 0 and self._open[best] else None

    def take(self, index: int) -> bool:
        """Choose a candidate; False, and never again, where it is a recording that is there already."""
        self._open[index] = False
        if not self._choice.versions and self._is_there(index):
            return False
        similarity = self._remember(index)
        self._nearest = similarity if self._nearest is None else np.maximum(self._nearest, similarity)
        for cap in self._caps:
            self._open &= ~cap.full_with(index)
        return True

    def _remember(self, index: int) -> Scores:
        """Similarity of all candidates to one that is there from now on."""
        rows = np.array([space.similarity(index) for space in self._spaces]).reshape(-1, len(self._open))
        alike: NDArray[np.bool_] = np.any(rows >= SAME_SOUND, axis=0)
        self._there.append((recording_of(self._choice.candidates[index]), alike))
        known = ~np.isnan(rows)
        mean: Scores = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return mean

    def _is_there(self, index: int) -> bool:
        tags = recording_of(self._choice.candidates[index])
        return any(
            are_same(tags, other) or (alike[index] and not are_versions(tags, other)) for other, alike in self._there
        )


class _Space:
    """One model's similarity of every candidate to one of them."""

    def __init__(self, sound: Sound) -> None:
        self._known = np.isfinite(sound.vectors[:, 0]) & (sound.vectors != 0).any(axis=1)
        blank = np.float32(0)
        self._vectors = sound.vectors if self._known.all() else np.where(self._known[:, None], sound.vectors, blank)
        self._crowd = min(sound.crowd, MOST_CROWDED)

    def similarity(self, index: int) -> Scores:
        """[n] 0..1; NaN where either has no vector."""
        if not self._known[index]:
            return np.full(len(self._known), np.nan)
        cosines = (self._vectors @ self._vectors[index]).astype(np.float64)
        scaled = np.clip((cosines - self._crowd) / (1 - self._crowd), 0.0, 1.0)
        return np.where(self._known, scaled, np.nan)


class _Cap:
    """At most so many of one key."""

    def __init__(self, keys: Sequence[str], most: int) -> None:
        self._code = np.unique(np.array(keys, dtype=np.str_), return_inverse=True)[1] if most else None
        self._keys, self._most = keys, most
        self._count: dict[str, int] = {}

    def full_with(self, index: int) -> NDArray[np.bool_]:
        """Count one more, and say which candidates may not follow."""
        key = self._keys[index]
        self._count[key] = self._count.get(key, 0) + 1
        if self._code is None or not key or self._count[key] < self._most:
            return np.zeros(len(self._keys), np.bool_)
        others: NDArray[np.bool_] = self._code == self._code[index]
        return others


def _worth(relevance: Scores, limit: int) -> Scores:
    """1 for the most relevant, less for each place after it; what is left out comes last."""
    out = np.isnan(relevance)
    order = np.argsort(np.where(out, np.inf, -relevance), kind="stable")
    worth = np.empty(len(relevance))
    worth[order] = 1.0 - np.arange(len(relevance)) / (REACH * max(1, limit))
    return worth
