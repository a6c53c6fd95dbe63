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
BATCH = 32
"""Candidates that are compared with the chosen at once, at first."""
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
        if (index := picking.take(best)) is not None:
            chosen.append(index)
    return np.array(chosen, np.int64)


class _Picking:
    """The state of one choice; its places are those of the candidates by worth, so that of equals the first wins.

    Nobody becomes less similar to the chosen while their number grows. So what is known of a candidate from earlier is
    the most that it can have now, and only those that might be next are compared with what came since (Minoux,
    Accelerated greedy algorithms, 1978); the result is that of comparing all each time.
    """

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        most = len(choice.beside) + min(choice.limit, len(choice.candidates))
        self._spaces = [_Space(sound, most) for sound in choice.sounds]
        self._order, worth = _by_worth(choice.relevance, choice.limit)
        self._worth = (1.0 - choice.diversity) * worth
        self._nearest = np.zeros(len(worth))
        # The most that each can have now; -inf for what cannot be chosen any more.
        self._marginal = np.where(np.isnan(choice.relevance[self._order]), -np.inf, self._worth)
        self._seen = np.zeros(len(worth), np.intp)
        self._alike: dict[int, list[int]] = {}
        self._there = _There(choice.candidates)
        ordered = [choice.candidates[index] for index in self._order]
        self._caps = [
            _Cap([candidate.artist_key for candidate in ordered], choice.per_artist),
            _Cap([candidate.album_key for candidate in ordered], choice.per_album),
        ]
        for index in choice.beside:
            self._marginal[self._order == index] = -np.inf
            self._add(index)

    def best(self) -> int | None:
        """The place of the open candidate with the greatest marginal relevance."""
        batch = BATCH
        while self._marginal.max(initial=-np.inf) > -np.inf:
            best = int(self._marginal.argmax())
            if self._seen[best] == len(self._there.indexes):
                return best
            self._compare(batch)
            batch *= 2
        return None

    def take(self, place: int) -> int | None:
        """The index of a candidate that is chosen; None, and never again, where its recording is there already."""
        self._marginal[place] = -np.inf
        index = int(self._order[place])
        if not self._choice.versions and self._there.has(index, self._alike.get(place, ())):
            return None
        self._add(index)
        for cap in self._caps:
            self._marginal[cap.full_with(place)] = -np.inf
        return index

    def _add(self, index: int) -> None:
        self._there.add(index)
        for space in self._spaces:
            space.add(index)

    def _compare(self, batch: int) -> None:
        """Compare those that might be next with what they were not compared with yet."""
        now = len(self._there.indexes)
        first = np.argpartition(-self._marginal, min(batch, len(self._marginal)) - 1)[:batch]
        first = first[(self._seen[first] < now) & np.isfinite(self._marginal[first])]
        lacking = np.frexp(now - self._seen[first])[1]
        # Those that lack about as much, at most twice as much, are compared at once.
        for size in np.unique(lacking):
            self._compare_with(first[lacking == size])
        self._seen[first] = now
        self._marginal[first] = self._worth[first] - self._choice.diversity * self._nearest[first]

    def _compare_with(self, places: Indexes) -> None:
        since = int(self._seen[places].min())
        rows = np.array([space.similarity(self._order[places], since) for space in self._spaces])
        rows = rows.reshape(-1, len(places), len(self._there.indexes) - since)
        for row, column in np.argwhere(np.any(rows >= SAME_SOUND, axis=0)):
            self._alike.setdefault(int(places[row]), []).append(since + int(column))
        # What is beside is not chosen.
        mean = _mean(rows[:, :, max(0, len(self._choice.beside) - since) :])
        self._nearest[places] = np.maximum(self._nearest[places], mean.max(axis=1, initial=0.0))


class _There:
    """The recordings that are there already, found by what could make another one the same."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.indexes: list[int] = []
        self._candidates = candidates
        self._said: list[Recording] = []
        self._namesakes: dict[object, list[Recording]] = {}

    def add(self, index: int) -> None:
        """One more is there."""
        one = recording_of(self._candidates[index])
        self.indexes.append(index)
        self._said.append(one)
        for name in filter(None, (one.song, one.mbid)):
            self._namesakes.setdefault(name, []).append(one)

    def has(self, index: int, alike: Sequence[int]) -> bool:
        """Whether a candidate's recording is there, by its tags or by those, in the order they came, it sounds like."""
        one = recording_of(self._candidates[index])
        same = (other for name in (one.song, one.mbid) if name for other in self._namesakes.get(name, ()))
        sounding = (self._said[place] for place in alike)
        return any(are_same(one, other) for other in same) or any(not are_versions(one, other) for other in sounding)


class _Space:
    """One model's similarity of candidates to what is there."""

    def __init__(self, sound: Sound, most: int) -> None:
        self._vectors = sound.vectors
        self._known = np.isfinite(sound.vectors[:, 0]) & (sound.vectors != 0).any(axis=1)
        self._crowd = min(sound.crowd, MOST_CROWDED)
        self._there = np.empty((most, sound.vectors.shape[1]), np.float32)
        self._count = 0

    def add(self, index: int) -> None:
        """One more is there."""
        self._there[self._count] = self._vectors[index] if self._known[index] else np.nan
        self._count += 1

    def similarity(self, some: Indexes, since: int) -> Scores:
        """[some, there] 0..1 to those that came since; NaN where either has no vector."""
        cosines = (self._vectors[some] @ self._there[since : self._count].T).astype(np.float64)
        scaled: Scores = np.clip((cosines - self._crowd) / (1 - self._crowd), 0.0, 1.0)
        scaled[~self._known[some]] = np.nan
        return scaled


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


def _mean(rows: Scores) -> Scores:
    """Over the models that know both; 0 where none does."""
    known = ~np.isnan(rows)
    mean: Scores = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _by_worth(relevance: Scores, limit: int) -> tuple[Indexes, Scores]:
    """Indexes by falling worth, and that: 1 for the most relevant, less for each after it, last what is left out."""
    order = np.argsort(np.where(np.isnan(relevance), np.inf, -relevance), kind="stable")
    return order, 1.0 - np.arange(len(relevance)) / (REACH * max(1, limit))
