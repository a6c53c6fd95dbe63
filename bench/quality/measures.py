"""How good a ranking is, and how even; pure arithmetic on similarity matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.protocol import Piece
from bench.evaluation.report import CLASSES

Matrix = NDArray[np.float64]
NEIGHBOURS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hubs:
    """How often tracks are among the ten nearest of others."""

    skewness: float
    """Of those counts: 0 where all come as often; above 1.4, hubs are said to be a problem."""
    never: float
    """Share of tracks that are nobody's neighbour."""
    most: int
    """Lists that the greatest hub is in."""


def related(rows: Sequence[Piece], columns: Sequence[Piece]) -> NDArray[np.bool_]:
    """Versions of one composition: neither right nor wrong as an answer."""
    there, here = (np.array([piece.version_group or "" for piece in pieces]) for pieces in (rows, columns))
    same: NDArray[np.bool_] = (there[:, None] == here) & (there != "")[:, None]
    return same


def own_first(similarity: Matrix, queries: Sequence[Piece], gallery: Sequence[Piece]) -> tuple[float, float, float]:
    """Recall at 1 and at 10 and mean reciprocal rank of the piece of the same track, which stands in the diagonal."""
    own = np.eye(len(queries), dtype=bool)
    judged = np.where(related(queries, gallery) & ~own, -np.inf, similarity)
    ranks = (judged >= np.diag(judged)[:, None]).sum(axis=1) - 1
    return float((ranks == 0).mean()), float((ranks < NEIGHBOURS).mean()), float((1 / (ranks + 1)).mean())


def same_class(similarity: Matrix, tracks: Sequence[Piece], field: str) -> float:
    """Precision among the ten nearest of all tracks whose class is large enough."""
    labels = labels_of(tracks, field)
    hidden = related(tracks, tracks) | np.eye(len(tracks), dtype=bool)
    nearest = np.argsort(-np.where(hidden, -np.inf, similarity), axis=1, kind="stable")[:, :NEIGHBOURS]
    asked = labels >= 0
    return float((labels[nearest] == labels[:, None])[asked].mean())


def labels_of(tracks: Sequence[Piece], field: str) -> NDArray[np.int64]:
    """A number for each class of at least the protocol's size; -1 for the others."""
    values: list[Any] = [getattr(piece, field) for piece in tracks]
    large = sorted({value for value in values if value is not None and values.count(value) >= CLASSES[field]})
    return np.array([large.index(value) if value in large else -1 for value in values], np.int64)


def hubs(similarity: Matrix) -> Hubs:
    """Of a square matrix, each row's own place left out."""
    plain = similarity.copy()
    np.fill_diagonal(plain, -np.inf)
    nearest = np.argsort(-plain, axis=1, kind="stable")[:, :NEIGHBOURS]
    counts = np.bincount(nearest.ravel(), minlength=len(plain)).astype(np.float64)
    centred = counts - counts.mean()
    skewness = (centred**3).mean() / max(float((centred**2).mean()) ** 1.5, 1e-12)
    return Hubs(skewness=float(skewness), never=float((counts == 0).mean()), most=int(counts.max()))
