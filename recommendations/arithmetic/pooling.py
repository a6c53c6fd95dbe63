"""Many queries, one score: a power mean of odds, between their geometric mean and the greatest; numpy only.

    pooled = log(sum_i w_i exp(sharpness * x_i)) / sharpness,    sum_i w_i = 1

of the log odds x_i that a random pair is less similar (`calibration`), which mean the same for every model, for texts
and for tracks. At 0 it is their mean (the logarithmic opinion pool: Genest and Zidek, Combining Probability
Distributions, Statistical Science 1986), at 1 the log of the mean odds, towards infinity the greatest. It rises with
every x_i, does not depend on the order of the queries, and giving a query more weight never lowers a candidate that is
nearest to it.
"""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

DAY_SECONDS = 86_400.0


def pool(log_odds: Matrix, weights: Matrix, sharpness: float) -> Matrix:
    """[n] of [queries, n] log odds.

    Args:
        log_odds: finite, of at least one query.
        weights: [queries], all above 0.
        sharpness: 0 for the mean, infinity for the greatest.

    """
    shares = weights / weights.sum()
    greatest: Matrix = log_odds.max(axis=0)
    if np.isinf(sharpness):
        return greatest
    mean: Matrix = shares @ log_odds
    if sharpness == 0:
        return mean
    pooled: Matrix = greatest + np.log(shares @ np.exp(sharpness * (log_odds - greatest))) / sharpness
    # Rounding must not lead out of what lies between the two.
    return np.clip(pooled, mean, greatest)


def influence(log_odds: Matrix, weights: Matrix, sharpness: float) -> Matrix:
    """[queries, n]: the share that each query has in a candidate's pooled score; each column sums to 1."""
    distance = log_odds - log_odds.max(axis=0)
    felt = (distance == 0).astype(np.float64) if np.isinf(sharpness) else np.exp(sharpness * distance)
    weighted = weights[:, None] * felt
    shares: Matrix = weighted / weighted.sum(axis=0)
    return shares


def latest(moments: Iterable[datetime | None], now: datetime) -> datetime:
    """From when ages count: the latest moment, at most now, so that what is all old still weighs something."""
    return min(now, max((moment for moment in moments if moment is not None), default=now))


def recency(played_at: datetime | None, since: datetime, half_life_days: float) -> float:
    """What is left of the weight of something played then: half after every half-life, all of it where unknown."""
    if played_at is None or half_life_days <= 0:
        return 1.0
    days = max(0.0, (since - played_at).total_seconds() / DAY_SECONDS)
    return float(0.5 ** (days / half_life_days))
