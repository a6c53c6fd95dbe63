"""Folds what several models say of the same candidates into one order; numpy only.

A model *has* a candidate when its own search found it and it has a score for it. Whatever the strategy, a candidate
that fewer than `Merge.agreement` models have is left out; from two on, that is the bound on a union.

    union         the greatest score of any model, found by its search or not
    union, K > 1  by how many models have it, then by the mean of their scores
    intersection  what all models have, by the mean of their scores
    priority      the intersection first; then what the first model has that is not in it, by that model's score;
                  then what only the second has, and so on, so that nothing that was found is thrown away

The mean of scores is the score of their mean log odds: a plain mean of probabilities, all near 1 at the top of a list,
is decided by whichever model is least sure (`bench.quality`: recall@1 of two models falls from 0.80 to 0.66 by it).

The order of the models changes nothing: those of equal priority are one place, where the greatest score counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.arithmetic.calibration import probability
from recommendations.domain import Merge
from recommendations.results import ModelScores, Scores

LEAST = 1e-15
"""What a score is taken to be away from 0 and from 1, at least, where its odds are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """One score for each candidate; sort by tier, then by score."""

    score: Scores
    """0..1; NaN for what is left out."""
    tier: NDArray[np.int64]
    """0 for the best; means nothing where the score is NaN."""
    agreement: NDArray[np.int64]
    """How many models have the candidate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Votes:
    """What a strategy is given: rows are models, columns are candidates."""

    scores: NDArray[np.float64]
    has: NDArray[np.bool_]
    places: NDArray[np.int64]
    """Of each model, from 0, by priority; equal ones share a place."""


def merge(models: Sequence[ModelScores], merge: Merge) -> Merged:
    """Fold the models' scores into one.

    Raises:
        Refused: more models should agree than there are, or fewer than one (`bad_agreement`).

    """
    _check_agreement(models, merge)
    scores = np.stack([model.scores for model in models])
    has = np.stack([model.among_hits for model in models]) & ~np.isnan(scores)
    votes = Votes(scores=scores, has=has, places=_places(models, merge.priorities))
    agreement = has.sum(axis=0)
    strategy = _most_agreed if merge.strategy == "union" and merge.agreement > 1 else STRATEGIES[merge.strategy]
    score, tier = strategy(votes)
    if merge.agreement > 1:
        score = np.where(agreement >= merge.agreement, score, np.nan)
    return Merged(score=score, tier=tier, agreement=agreement)


def _union(votes: Votes) -> tuple[Scores, NDArray[np.int64]]:
    return np.fmax.reduce(votes.scores, axis=0), np.zeros(votes.scores.shape[1], np.int64)


def _most_agreed(votes: Votes) -> tuple[Scores, NDArray[np.int64]]:
    return _mean(votes), len(votes.has) - votes.has.sum(axis=0)


def _intersection(votes: Votes) -> tuple[Scores, NDArray[np.int64]]:
    score = np.where(votes.has.all(axis=0), _mean(votes), np.nan)
    return score, np.zeros(len(score), np.int64)


def _priority(votes: Votes) -> tuple[Scores, NDArray[np.int64]]:
    score, tier = _intersection(votes)
    for place in range(int(votes.places.max()) + 1):
        here = votes.places == place
        theirs = np.fmax.reduce(np.where(votes.has[here], votes.scores[here], np.nan), axis=0)
        fresh = np.isnan(score) & ~np.isnan(theirs)
        score, tier = np.where(fresh, theirs, score), np.where(fresh, place + 1, tier)
    return score, tier


STRATEGIES: Mapping[str, Callable[[Votes], tuple[Scores, NDArray[np.int64]]]] = {
    "union": _union,
    "intersection": _intersection,
    "priority": _priority,
}
"""Score and tier of every candidate, by the name in `Merge.strategy`."""


def _mean(votes: Votes) -> Scores:
    """Over the models that have it; NaN where none does. Sums rise, so that rounding does not see the models' order."""
    count = votes.has.sum(axis=0)
    known = np.clip(np.where(votes.has, votes.scores, 0.5), LEAST, 1.0 - LEAST)
    total = np.sort(np.log(known) - np.log1p(-known), axis=0).sum(axis=0)
    return np.where(count > 0, probability(total / np.maximum(count, 1)), np.nan)


def _places(models: Sequence[ModelScores], priorities: Mapping[str, int]) -> NDArray[np.int64]:
    wanted = np.array([float(priorities.get(model.model, inf)) for model in models])
    return np.unique(wanted, return_inverse=True)[1].astype(np.int64)


def _check_agreement(models: Sequence[ModelScores], merge: Merge) -> None:
    if merge.agreement < 1:
        raise Refused("At least one model has to have a track: agreement begins at 1.", code="bad_agreement")
    if merge.agreement > len(models):
        names = ", ".join(model.model for model in models) or "none"
        sentence = f"{merge.agreement} models have to agree on a track, and {len(models)} take part: {names}."
        raise Refused(sentence, code="bad_agreement")
