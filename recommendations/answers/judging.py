"""Puts candidates in order: negatives, the merge, dislikes, familiarity, exploration; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommendations.arithmetic.diversity import relevance
from recommendations.arithmetic.merging import merge
from recommendations.arithmetic.scoring import (
    dislike_factor,
    explore,
    familiarity_factor,
    marked_factor,
    penalise_negatives,
)
from recommendations.arithmetic.weighing import Matrix
from recommendations.domain import Merge, Request
from recommendations.finding.sweeping import Swept
from recommendations.modes import Mode
from recommendations.results import ModelScores, Penalty, PenaltyKind, Scores

TAINTED = 0.9
"""Similarity to something negative from which a candidate is no reason to stop searching."""
HARD_HIT = 0.7
"""What all else has to leave of a candidate's score for the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listener:
    """What is known of the listener about each candidate."""

    dislikes: Matrix
    """[dislikes] 0..1, how much each disliked track is."""
    by_disliked_artist: NDArray[np.bool_]
    low_rated: Scores
    """0..1; NaN where the candidate is not disliked itself."""
    familiarity: Scores | None
    """0..1; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """The order of all candidates."""

    penalised: tuple[ModelScores, ...]
    """What each model says, after its negatives."""
    score: Scores
    """0..1, after everything but diversity; NaN for what is left out."""
    relevance: Scores
    """0..1: sorts as the merge wants it; NaN for what is left out."""
    factors: tuple[tuple[Penalty, ...], ...]
    """Why each candidate is further down than it sounds, negatives left out."""
    ranks: NDArray[np.intp]
    """From 1, by relevance."""
    negative: Scores
    """0..1: strongest similarity to anything negative, by any model; NaN where nothing is."""
    clean: int
    """Candidates that neither sound much like anything negative nor were moved far down."""


def judge(swept: Swept, listener: Listener, request: Request, mode: Mode) -> Judged:
    """Put candidates in order.

    Raises:
        Refused: a number of the request lies beyond what it may be.

    """
    weighed, size = swept.weighed, len(swept.candidates)
    penalised = tuple(penalise_negatives(one.scores, request.negatives.penalty) for one in weighed)
    merged = merge(penalised, _possible(request.merge, len(penalised)))
    parts = _factors(swept, listener, request, mode)
    product = np.prod([factor for _, factor in parts], axis=0)
    found = np.arange(size) < swept.found
    score = np.where(found & (product > 0), merged.score * product, np.nan)
    # A better tier is a better place, and no shelter from what moves a track down.
    nearest = relevance(np.where(np.isnan(score), np.nan, merged.score), merged.tier) * product
    explored = explore(nearest, mode.exploration, request.limit)
    negative = np.fmax.reduce([one.scores.negative for one in weighed])
    spoiled = (np.nan_to_num(negative) >= TAINTED) & (request.negatives.penalty < 1.0)
    return Judged(
        penalised=penalised,
        score=score,
        relevance=explored,
        factors=_penalties(parts, size),
        ranks=_ranks(explored),
        negative=negative,
        clean=int((~np.isnan(score) & ~spoiled & (product >= HARD_HIT)).sum()),
    )


def _possible(wanted: Merge, models: int) -> Merge:
    """No more can agree than did answer; whoever asked was told who did not."""
    return replace(wanted, agreement=min(wanted.agreement, models))


def _factors(swept: Swept, listener: Listener, request: Request, mode: Mode) -> list[tuple[PenaltyKind, Scores]]:
    strength = request.dislikes.strength
    artists = np.where(listener.by_disliked_artist, 1.0, np.nan)
    disliked = [one.disliked for one in swept.weighed]
    parts: list[tuple[PenaltyKind, Scores]] = [
        ("disliked_sound", dislike_factor(disliked, listener.dislikes, strength)),
        ("disliked_artist", marked_factor(artists, strength)),
        ("low_rating", marked_factor(listener.low_rated, strength)),
    ]
    if listener.familiarity is not None and mode.familiarity:
        kind: PenaltyKind = "familiar" if mode.familiarity < 0 else "unfamiliar"
        parts.append((kind, familiarity_factor(listener.familiarity, mode.familiarity)))
    return parts


def _penalties(parts: Sequence[tuple[PenaltyKind, Scores]], size: int) -> tuple[tuple[Penalty, ...], ...]:
    return tuple(
        tuple(Penalty(kind=kind, factor=float(factor[place])) for kind, factor in parts if factor[place] < 1.0)
        for place in range(size)
    )


def _ranks(relevant: Scores) -> NDArray[np.intp]:
    order = np.argsort(np.where(np.isnan(relevant), np.inf, -relevant), kind="stable")
    ranks = np.empty(len(relevant), np.intp)
    ranks[order] = np.arange(1, len(relevant) + 1)
    return ranks
