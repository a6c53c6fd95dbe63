"""Makes similarities of different models comparable, and takes hubs down; numpy only.

A cosine of 0.9 is much in one model and nothing in another, and some vectors are near to all others. Both are
read off a background: vectors that were sampled from the library. For a query q and a candidate c with cosine s,

    corrected(q, c) = ((s - mean_q) / spread_q + (s - mean_c) / spread_c) / 2

where mean_q and spread_q are those of the cosines of q with the sampled tracks, and mean_c and spread_c those of the
cosines of c with sampled queries: a track that is near to everything has a high mean_c and gains nothing by it. It is
the Gaussian form of mutual proximity (Schnitzer et al., Local and Global Scaling Reduce Hubs in Space, JMLR 2012) with
a mean of two z-scores in place of a product of two probabilities, which keeps the far tail apart. Where nobody knows
what the queries look like, their own half of it is all that is used. Then

    calibrated = share of random pairs whose corrected similarity is smaller

from the background's own pairs, with exponential tails beyond the last of them; as log odds, so that what is very
near stays apart from what is nearer still, and so that many queries can be pooled (`pooling`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vectors = NDArray[np.float32]
"""[n, dimension] of unit length."""

FEWEST_PAIRS = 2
TAIL = 100
"""The last hundredth of the pairs: its mean excess is the scale of the exponential that goes on after them."""
SAME = 1.0 - 1e-5
"""Cosine from which a sampled vector is the vector itself, which says nothing of how crowded its place is."""
LEAST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """What similarity means in one space of one library."""

    tracks: Vectors
    """Sampled tracks."""
    probes: Vectors
    """Sampled queries: the same tracks where tracks are what is asked with, texts where texts are; none where what is
    asked with is not known, and then a candidate's own crowd counts for nothing."""
    pairs: Matrix
    """Corrected similarity of random pairs, rising; empty when there were none."""

    @classmethod
    def fit(cls, tracks: Vectors, probes: Vectors | None = None) -> Self:
        """Take the background of a space from vectors sampled from it.

        Args:
            tracks: [n, dimension] of unit length; a few hundred.
            probes: [m, dimension] of what will be asked with; None for tracks, no rows where that is not known.

        """
        probes = tracks if probes is None else probes
        made = cls(tracks=tracks, probes=probes, pairs=np.empty(0))
        # Without probes, tracks show how far the best of a query's cosines lie above their mean.
        asked = probes if len(probes) else tracks
        random = made.corrected(asked, tracks)[asked @ tracks.T < SAME]
        return cls(tracks=tracks, probes=probes, pairs=np.sort(random)) if random.size >= FEWEST_PAIRS else made

    @property
    def crowd(self) -> float:
        """Mean cosine of two of the sampled tracks; 0 where there are fewer."""
        count = len(self.tracks)
        total = self.tracks.sum(axis=0, dtype=np.float64)
        own = float(np.square(self.tracks, dtype=np.float64).sum())
        return float((total @ total - own) / (count * (count - 1))) if count > 1 else 0.0

    def corrected(self, queries: Vectors, candidates: Vectors) -> Matrix:
        """[queries, candidates] of corrected similarity, in spreads above what a random pair has."""
        cosines = (queries @ candidates.T).astype(np.float64)
        by_query = self.by_query(queries, cosines)
        if not len(self.probes):
            return by_query
        mean, spread = _crowd(candidates, self.probes)
        by_candidate: Matrix = (cosines - mean) / spread
        return (by_query + by_candidate) / 2

    def by_query(self, queries: Vectors, cosines: Matrix) -> Matrix:
        """[queries, n] of cosines in the spread of each query alone: what can be said before candidates are known."""
        mean, spread = _crowd(queries, self.tracks)
        found: Matrix = (cosines - mean[:, None]) / spread[:, None]
        return found

    def log_odds(self, corrected: Matrix) -> Matrix:
        """Log odds of the share of random pairs below each corrected similarity: rising, finite, never saturated."""
        if not self.pairs.size:
            # Nothing to compare with: corrected similarities are plain cosines then, see `_crowd`.
            share = np.clip((1.0 + corrected) / 2, LEAST_SPREAD, 1.0 - LEAST_SPREAD)
            plain: Matrix = np.log(share) - np.log1p(-share)
            return plain
        count = self.pairs.size
        edge, tail = 1.0 / (count + 1), max(FEWEST_PAIRS, count // TAIL)
        inside = np.interp(corrected, self.pairs, np.linspace(edge, 1.0 - edge, count))
        low, high = self.pairs[0], self.pairs[-1]
        below = _log_rare(edge, np.maximum(low - corrected, 0.0) / _excess(-self.pairs[:tail][::-1]))
        above = -_log_rare(edge, np.maximum(corrected - high, 0.0) / _excess(self.pairs[-tail:]))
        between = np.log(inside) - np.log1p(-inside)
        found: Matrix = np.where(corrected < low, below, np.where(corrected > high, above, between))
        return found


def probability(log_odds: Matrix) -> Matrix:
    """0..1 of log odds."""
    found: Matrix = 0.5 * (1.0 + np.tanh(log_odds / 2))
    return found


def _log_rare(edge: float, beyond: Matrix) -> Matrix:
    """Log odds of the share `edge * exp(-beyond)`, exact however small that is."""
    log_share = np.log(edge) - beyond
    found: Matrix = log_share - np.log1p(-np.exp(log_share))
    return found


def _crowd(vectors: Vectors, sampled: Vectors) -> tuple[Matrix, Matrix]:
    """Mean and spread of each vector's cosines with the sampled ones, itself left out; 0 and 1 where too few are."""
    cosines = (vectors @ sampled.T).astype(np.float64)
    others = cosines < SAME
    count = others.sum(axis=1)
    enough = count > 1
    divisor = np.maximum(count, 1)
    mean = np.where(others, cosines, 0.0).sum(axis=1) / divisor
    spread = np.sqrt(np.where(others, (cosines - mean[:, None]) ** 2, 0.0).sum(axis=1) / divisor)
    return np.where(enough, mean, 0.0), np.where(enough, np.maximum(spread, LEAST_SPREAD), 1.0)


def _excess(rising: Matrix) -> float:
    """Mean excess over the first of rising values: the scale of an exponential that goes on after the last."""
    return max(float((rising[1:] - rising[0]).mean()), LEAST_SPREAD)
