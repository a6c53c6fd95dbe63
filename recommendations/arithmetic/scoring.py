"""What moves a candidate down although it sounds right: negatives, dislikes, familiarity, exploration; numpy only.

Every rule gives factors, 0..1 by candidate, or scores that are nowhere greater than they were. A candidate of which
nothing is known keeps its score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.domain import LEAST_PENALTY
from recommendations.results import ModelScores, Scores

Matrix = NDArray[np.float64]

STARS: Mapping[int, float] = {1: 1.0, 2: 0.5}
"""How much a track with so few stars is disliked; more stars are no dislike."""
NEAR = 0.995
"""Chance that a random track is farther from a disliked one, from which a candidate begins to count as near to it."""
SPAN = 4.0
"""Lists of the wanted length that full exploration reaches."""
TILT = 0.25
"""How much of its reach the very nearest falls behind what is a reach away from it."""


def penalise_negatives(model: ModelScores, penalty: float) -> ModelScores:
    """Multiply a model's scores by 1 - similarity * (1 - penalty), similarity being that to the nearest negative.

    Raises:
        Refused: the penalty is not between `LEAST_PENALTY` and 1 (`bad_penalty`).

    """
    return replace(model, scores=model.scores * negative_factor(model.negative, penalty))


def negative_factor(negative: Scores, penalty: float) -> Scores:
    """What `penalise_negatives` multiplies by: 1 where nothing negative is known.

    Raises:
        Refused: the penalty is not between `LEAST_PENALTY` and 1 (`bad_penalty`).

    """
    if not LEAST_PENALTY <= penalty <= 1.0:
        raise Refused(f"A penalty is between {LEAST_PENALTY} and 1, and 1 changes nothing.", code="bad_penalty")
    return _known(1.0 - negative * (1.0 - penalty))


def dislike_factor(similarity: Sequence[Matrix], marks: Matrix, strength: float) -> Scores:
    """How much of its score a candidate keeps for what it sounds like: 1 - strength * nearness to the nearest dislike.

    Nearness to one dislike rises evenly from 0, where the similarity is `NEAR`, to 1: each touches the same small
    share of a library, whatever else is disliked. So another dislike never raises a score, and a few that have nothing
    to do with each other leave nearly all of a library alone.

    Args:
        similarity: [dislikes, candidates] of each model, calibrated, 0..1; NaN where it is not known. Models that know
            both of a pair are averaged.
        marks: [dislikes] 0..1, how much each is disliked.
        strength: 0..1; at 1, what sounds exactly like a dislike is gone.

    """
    _check_share("strength", strength)
    known = [each for each in similarity if each.size]
    if not known:
        return np.ones(similarity[0].shape[1] if similarity else 0)
    total, count = np.zeros(known[0].shape), np.zeros(known[0].shape)
    for each in known:
        total += np.nan_to_num(np.maximum(0.0, each - NEAR) / (1.0 - NEAR))
        count += ~np.isnan(each)
    nearness = total / np.maximum(count, 1.0) * marks[:, None]
    factor: Scores = 1.0 - strength * nearness.max(axis=0)
    return factor


def marked_factor(marks: Scores, strength: float) -> Scores:
    """What is left of what is disliked itself, by its artist or by few stars: 1 - strength * mark; 0 is gone.

    Args:
        marks: [candidates] 0..1: 1 for one of a disliked artist, `STARS` for ratings; NaN where nobody said.
        strength: 0..1.

    """
    _check_share("strength", strength)
    return _known(1.0 - strength * marks)


def familiarity_factor(known: Scores, familiarity: float) -> Scores:
    """What is left of what the listener knows, or does not know.

    Args:
        known: [candidates] 0..1, how well; NaN where nobody can say.
        familiarity: -1..1: below 0, what is known loses up to so much of its score; above 0, what is not known does.

    """
    _check_share("familiarity", abs(familiarity))
    return _known(1.0 - (familiarity * (1.0 - known) if familiarity > 0 else -familiarity * known))


def explore(relevance: Scores, exploration: float, limit: int) -> Scores:
    """Let what is a bit farther win over the very nearest.

    The candidate at place r by relevance, from 0, takes the relevance that is found at place

        r + (1 + TILT) * max(0, reach - r),    reach = exploration * SPAN * limit, at most exploration * half of all

    so that those at `reach` come first, the nearer ones among the farther ones, and the very nearest at
    (1 + TILT) * reach. What is farther than that stays where it was. 0 changes nothing.

    Args:
        relevance: [candidates]; NaN for what is left out.
        exploration: 0..1.
        limit: wanted length of the list.

    """
    _check_share("exploration", exploration)
    out = np.isnan(relevance)
    count = int((~out).sum())
    reach = exploration * min(SPAN * limit, count / 2)
    if reach <= 0:
        return relevance
    order = np.argsort(np.where(out, np.inf, -relevance), kind="stable")[:count]
    places = np.arange(count, dtype=np.float64)
    falling = relevance[order]
    explored = np.full(len(relevance), np.nan)
    explored[order] = np.interp(places + (1.0 + TILT) * np.maximum(0.0, reach - places), places, falling)
    return explored


def _known(factor: Scores) -> Scores:
    return np.where(np.isnan(factor), 1.0, factor)


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise Refused(f"{name.capitalize()} lies beyond what it may be: {value:g}.", code=f"bad_{name}")
