"""Carries texts into the space of a model that knows none, by what a library's tracks are in both; numpy only.

Each track has a joint vector x, in the space that one model shares with text, and a vector y of another model. A ridge
regression maps the one to the other:

    W = (X' X + strength n I)^-1 X' Y,    rows of X: x - mean(x) brought to unit length, rows of Y: y - mean(y)

and from there to mean(y) + radius * direction, where the radius is how far tracks lie from mean(y) on average: what a
regression is unsure of it draws to the mean, where the hubs are. A text is carried over as a track would be, with one
difference: texts and tracks fill different cones of a joint space (Liang et al., Mind the Gap, NeurIPS 2022), so each
is centred by its own mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vectors = NDArray[np.float32]
"""[n, dimension]."""

FOLDS = 5
NEAREST = 10
GALLERY = 1000
"""Tracks among which the right one is looked for, at most."""
STRENGTHS = 10.0 ** np.arange(-5.0, 1.01, 0.5)
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well held-out tracks are found by what their joint vectors are mapped to."""

    tracks: int
    """Learned from, and held out in turn."""
    strength: float
    """Of the ridge, for each track."""
    gallery: int
    """Tracks among which the right one was looked for."""
    recall: float
    """Share of those that are among the `NEAREST` of their own mapped joint vector."""

    @property
    def chance(self) -> float:
        """The recall of guessing."""
        return min(1.0, NEAREST / max(1, self.gallery))

    @property
    def beyond_chance(self) -> float:
        """0 for guessing, 1 for always right, whatever the size of the gallery; below 0 for worse than guessing."""
        return (self.recall - self.chance) / max(TINY, 1.0 - self.chance)

    @property
    def deviations(self) -> float:
        """How many standard deviations of guessing the recall is above it."""
        spread = np.sqrt(self.chance * (1.0 - self.chance) / max(1, self.gallery))
        return float((self.recall - self.chance) / max(TINY, spread))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bridge:
    """A linear map from a joint space into another model's."""

    weights: Vectors
    """[joint dimension, dimension]."""
    joint_mean: Vectors
    """[joint dimension], of tracks."""
    mean: Vectors
    """[dimension], of tracks."""
    radius: float
    """How far tracks typically lie from that mean."""
    text_mean: Vectors | None = None
    """[joint dimension], of texts; without it no text can be mapped."""

    def map(self, texts: Vectors) -> Vectors:
        """Bring texts into the other model's space.

        Args:
            texts: [m, joint dimension], of any norm above 0.

        Returns:
            [m, dimension] of unit length.

        Raises:
            ValueError: the mean of texts is not known.

        """
        if self.text_mean is None:
            raise ValueError("Texts cannot be mapped before their mean is known.")
        return self._mapped(_unit(texts) - self.text_mean)

    def map_tracks(self, joint: Vectors) -> Vectors:
        """Bring joint vectors of tracks, [n, joint dimension], into the other model's space, at unit length."""
        return self._mapped(_unit(joint) - self.joint_mean)

    def _mapped(self, centred: Vectors) -> Vectors:
        return _placed(_unit(centred) @ self.weights, self.mean, self.radius)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fold:
    """What a ridge regression of all tracks but some needs, whatever its strength."""

    held: NDArray[np.intp]
    values: Matrix
    """Eigenvalues of the others' X' X."""
    axes: Matrix
    """[joint dimension, joint dimension] its eigenvectors, as columns."""
    turned: Vectors
    """[joint dimension, dimension] the others' X' Y on those axes."""
    others: int

    def weights(self, strength: float) -> Vectors:
        """The regression of the others."""
        shrunk = 1.0 / (self.values + strength * self.others)
        solved: Vectors = ((self.axes * shrunk) @ self.turned).astype(np.float32)
        return solved


def learn(joint: Vectors, vectors: Vectors, *, seed: int = 0) -> tuple[Bridge, Quality]:
    """Learn a bridge, with the strength that predicts held-out tracks best, and measure it on them.

    The means are those of all tracks, held out or not; that tells nothing of which belong together.

    Args:
        joint: [n, joint dimension] of tracks; at least `FOLDS`.
        vectors: [n, dimension] of the same tracks by the other model.
        seed: decides which tracks are held out together.

    """
    joint, vectors = _unit(joint), _unit(vectors)
    joint_mean, mean = joint.mean(axis=0), vectors.mean(axis=0)
    x, y = _unit(joint - joint_mean), vectors - mean
    # Fewer tracks than dimensions span fewer directions, and a regression knows no others.
    basis = np.linalg.qr(x.T)[0] if len(x) < x.shape[1] else np.eye(x.shape[1], dtype=np.float32)
    x = x @ basis
    order = np.random.default_rng(seed).permutation(len(x))
    strength, folds = _cross_validated(x, y, np.array_split(order, FOLDS))
    radius = float(np.linalg.norm(y, axis=1).mean())
    weights = basis @ solve(x, y, strength)
    bridge = Bridge(weights=weights, joint_mean=joint_mean, mean=mean, radius=radius)
    gallery = np.concatenate([fold.held[: GALLERY // FOLDS] for fold in folds])
    mapped = np.concatenate([x[f.held[: GALLERY // FOLDS]] @ f.weights(strength) for f in folds])
    recall = _recall(_placed(mapped, mean, radius), vectors[gallery])
    return bridge, Quality(tracks=len(x), strength=strength, gallery=len(gallery), recall=recall)


def solve(x: Vectors, y: Vectors, strength: float) -> Vectors:
    """[p, d] (X' X + strength n I)^-1 X' Y of [n, p] and [n, d]."""
    gram = (x.T @ x).astype(np.float64) + strength * len(x) * np.eye(x.shape[1])
    solved: Vectors = np.linalg.solve(gram, x.T @ y).astype(np.float32)
    return solved


def _cross_validated(x: Vectors, y: Vectors, held: list[NDArray[np.intp]]) -> tuple[float, list[_Fold]]:
    """The strength with the least squared error over all folds, and the folds."""
    parts = [((x[rows].T @ x[rows]).astype(np.float64), x[rows].T @ y[rows]) for rows in held]
    gram, cross = sum(part[0] for part in parts), sum(part[1] for part in parts)
    folds, errors = [], np.zeros(len(STRENGTHS))
    for rows, (held_gram, held_cross) in zip(held, parts, strict=True):
        values, axes = np.linalg.eigh(gram - held_gram)
        turned = (axes.T @ (cross - held_cross)).astype(np.float32)
        fold = _Fold(held=rows, values=np.maximum(values, 0.0), axes=axes, turned=turned, others=len(x) - len(rows))
        errors += list(_errors(fold, held_gram, held_cross))
        folds.append(fold)
    return float(STRENGTHS[int(np.argmin(errors))]), folds


def _errors(fold: _Fold, gram: Matrix, cross: Vectors) -> Iterator[float]:
    """Squared error on the held-out tracks, less a constant, for each of `STRENGTHS`.

    |Y - X W|^2 = |Y|^2 - 2 tr(W' X' Y) + tr(W' X' X W), in which only a diagonal depends on the strength.

    Args:
        fold: the others.
        gram: X' X of the held-out tracks.
        cross: X' Y of the held-out tracks.

    """
    agreeing = ((fold.axes.T @ cross) * fold.turned).sum(axis=1)
    size = (fold.axes.T @ gram @ fold.axes) * (fold.turned @ fold.turned.T)
    for strength in STRENGTHS:
        shrunk = 1.0 / (fold.values + strength * fold.others)
        yield float(shrunk @ size @ shrunk - 2 * shrunk @ agreeing)


def _recall(mapped: Vectors, gallery: Vectors) -> float:
    """Share of [g, dimension] unit vectors that are among the `NEAREST` of what was mapped for them."""
    cosines = mapped @ gallery.T
    nearer = (cosines > np.diag(cosines)[:, None]).sum(axis=1)
    return float((nearer < NEAREST).mean())


def _placed(directions: Vectors, mean: Vectors, radius: float) -> Vectors:
    """Unit vectors as far from the mean as tracks are; a regression alone draws what it is unsure of to the mean."""
    return _unit(_unit(directions) * np.float32(radius) + mean)


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)).astype(np.float32)
    return unit
