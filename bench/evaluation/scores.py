"""The protocol's three measures, from vectors to numbers; pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.protocol import OTHER_SPEED, Piece

Matrix = NDArray[np.float64]
FALSE_PAIR_RATE = 1e-4
NEIGHBOURS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A mean over tracks with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """(a) One excerpt of a track finds the other among all tracks' excerpts."""

    recall_1: Share
    recall_10: Share
    mrr: float
    within_game_1: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """(b) Altered copies find their original; the threshold comes from the development half."""

    threshold: float
    found: dict[str, float]
    """Share found at the threshold, test half, by alteration."""
    first: dict[str, float]
    """Share whose original ranks first, by alteration."""
    recall: float
    false_pairs: int
    pairs: int
    nearest_other: float
    """Highest similarity of a copy and another track, both halves."""
    farthest_copy: float
    """Lowest similarity of a copy and its original, both halves, where the original has a vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """(c) Precision at 10: how many of the nearest tracks share the query's class."""

    precision: Share
    macro: float
    chance: float


def same_track(queries: Matrix, gallery: Matrix, pieces: Sequence[Piece]) -> Retrieval:
    """Score (a); row i of both matrices belongs to `pieces[i]`'s track."""
    similarity = np.where(_related(pieces, pieces) & ~np.eye(len(pieces), dtype=bool), -np.inf, queries @ gallery.T)
    ranks = _rank_of_own(similarity)
    games = np.array([piece.game for piece in pieces])
    within = _rank_of_own(np.where(games[:, None] == games, similarity, -np.inf))
    return Retrieval(
        recall_1=share(ranks == 0),
        recall_10=share(ranks < 10),
        mrr=float(np.mean(1 / (ranks + 1))),
        within_game_1=share(within == 0),
    )


def duplicates(similarity: Matrix, copies: Sequence[Piece], tracks: Sequence[Piece]) -> Duplicates:
    """Score (b) from `similarity[copy, track]`."""
    own = np.array([piece.track for piece in copies])[:, None] == np.array([piece.track for piece in tracks])
    judged = ~_related(copies, tracks) | own
    similarity = np.where(judged, similarity, -np.inf)
    development = np.array([piece.development for piece in copies])
    alteration = np.array([piece.alteration for piece in copies])
    counted = alteration != OTHER_SPEED
    fit = (development & counted)[:, None] & judged & ~own
    threshold = _threshold(similarity[fit])
    best = np.where(own, similarity, -np.inf).max(axis=1)
    found, first = best >= threshold, (similarity >= best[:, None]).sum(axis=1) == 1
    test = ~development & counted
    wrong = test[:, None] & judged & ~own
    names = sorted(set(alteration))
    return Duplicates(
        threshold=threshold,
        found={name: float(found[(alteration == name) & ~development].mean()) for name in names},
        first={name: float(first[alteration == name].mean()) for name in names},
        recall=float(found[test].mean()),
        false_pairs=int((similarity[wrong] >= threshold).sum()),
        pairs=int(wrong.sum()),
        nearest_other=float(similarity[counted[:, None] & judged & ~own].max()),
        farthest_copy=float(best[counted & (best != 0)].min()),
    )


def same_class(vectors: Matrix, tracks: Sequence[Piece], field: str, smallest: int) -> Neighbours:
    """Score (c) for one field of the pieces; classes with fewer than `smallest` members ask nothing."""
    hidden = _related(tracks, tracks) | np.eye(len(tracks), dtype=bool)
    nearest = np.argsort(-np.where(hidden, -np.inf, vectors @ vectors.T), axis=1, kind="stable")[:, :NEIGHBOURS]
    labels: list[Any] = [getattr(piece, field) for piece in tracks]
    size = {label: labels.count(label) for label in labels if label is not None}
    asked = [row for row, label in enumerate(labels) if size.get(label, 0) >= smallest]
    hits = np.array([np.mean([labels[other] == labels[row] for other in nearest[row]]) for row in asked])
    own = np.array([labels[row] for row in asked])
    return Neighbours(
        precision=share(hits),
        macro=float(np.mean([hits[own == label].mean() for label in sorted(set(own))])),
        chance=float(np.mean([(size[label] - 1) / (len(tracks) - 1) for label in own])),
    )


def share(values: NDArray[Any], rounds: int = 1000) -> Share:
    """Mean and bootstrap interval over tracks, seeded."""
    values = np.asarray(values, np.float64)
    draws = np.random.default_rng(0).integers(0, len(values), (rounds, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return Share(value=float(values.mean()), low=float(low), high=float(high), count=len(values))


def standardised(vectors: Matrix, reference: Matrix) -> Matrix:
    """Every number z-scored over `reference`: uses the library itself, needs no labels."""
    scaled: Matrix = (vectors - reference.mean(axis=0)) / np.maximum(reference.std(axis=0), 1e-6)
    return scaled


def unit(vectors: Matrix) -> Matrix:
    """Rows of length one."""
    rows: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return rows


def _rank_of_own(similarity: Matrix) -> NDArray[np.int64]:
    """How many others come before a track's own excerpt; a tie counts against it, so no vector is no answer."""
    ranks: NDArray[np.int64] = (similarity >= np.diag(similarity)[:, None]).sum(axis=1) - 1
    return ranks


def _related(rows: Sequence[Piece], columns: Sequence[Piece]) -> NDArray[np.bool_]:
    groups = [piece.version_group for piece in columns]
    return np.array(
        [[row.version_group is not None and row.version_group == group for group in groups] for row in rows]
    )


def _threshold(wrong: NDArray[np.float64]) -> float:
    """The lowest similarity that at most FALSE_PAIR_RATE of the wrong pairs reach."""
    ranked = np.sort(wrong)[::-1]
    return float(np.nextafter(ranked[int(FALSE_PAIR_RATE * len(ranked))], np.inf))
