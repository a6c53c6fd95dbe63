"""Chooses the tracks of a song path: from a start to an end through even, small steps; numpy only.

In each model's space, the points of the path lie evenly on the great circle between start and end. Inner step k takes
the track for which, over the whole path, the sum of

    PULL * (distance to point k)^2 + (distance to the track before it)^2

is least; squares make one long jump dearer than two short ones. *Distance* is the angle between two vectors over the
angle of a random pair of the library, so that models can be averaged. The sum is minimised by dynamic programming over
the tracks nearest to each point, where every partial path knows which tracks and artists are in it. It runs from both
ends and the better path is taken, so that the way back is the way there reversed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.arithmetic.calibration import Vectors

Matrix = NDArray[np.float64]
Indexes = NDArray[np.int64]

PULL = 1.0
"""How much more it matters to be where the path leads than to be near to the track before."""
BREADTH = 48
"""Tracks that each step chooses from, nearest to its point first; all of them where these do not do."""
SAME_DIRECTION = 1e-6
"""Radians."""
MOST_CELLS = 16_000_000
"""Distances that are kept at a time: 128 MB at most, which only the largest pools take."""
MOST_CROWDED = 0.999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terrain:
    """One model's space."""

    start: NDArray[np.float32]
    """[dimension] of unit length."""
    end: NDArray[np.float32]
    candidates: Vectors
    """[candidates, dimension] of unit length; rows of NaN or zeros where there is none."""
    crowd: float = 0.0
    """Mean cosine of random pairs of the library: `Background.crowd`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """What a path is to be."""

    terrains: Sequence[Terrain]
    """One per model in which both ends have a vector; at least one."""
    steps: int
    """Tracks of the path, start and end among them; at least 2."""
    artists: Sequence[str]
    """[candidates] keys; empty for an artist who is not counted."""
    per_artist: int = 0
    """Tracks of one artist at most; 0 for any number."""
    ends: Sequence[str] = ()
    """Keys of the artists of start and end: their tracks count as well."""
    most_cells: int = MOST_CELLS
    """Distances between candidates that are kept."""


def between(start: NDArray[np.float32], end: NDArray[np.float32], steps: int) -> Vectors:
    """[steps, dimension] of unit length, evenly on the great circle, the first `start` and the last `end`."""
    first, last = start.astype(np.float64), end.astype(np.float64)
    angle = float(np.arccos(np.clip(first @ last, -1.0, 1.0)))
    aside = last - (first @ last) * first
    if np.linalg.norm(aside) < SAME_DIRECTION:
        # The same direction, or the opposite one, where any way round is as good: the one by the least axis.
        aside = np.eye(len(first))[np.abs(first).argmin()]
        aside = aside - (first @ aside) * first
    aside = aside / np.linalg.norm(aside)
    turns = np.linspace(0.0, angle, steps)[:, None]
    points = np.cos(turns) * first + np.sin(turns) * aside
    points[0], points[-1] = first, last
    return points.astype(np.float32)


def walk(asked: Walk) -> Indexes:
    """Indexes of the candidates between start and end, `steps - 2` different ones in order.

    Start and end themselves are no candidates.

    Raises:
        Refused: there are too few tracks, or too many by the same artists (`no_path`).

    """
    if asked.steps < 2:
        raise Refused("A path has at least two steps, its start and its end.", code="bad_steps")
    inner = asked.steps - 2
    known = np.any([_has_vector(terrain.candidates) for terrain in asked.terrains], axis=0)
    limits = _Limits(asked)
    if limits.room(known) < inner:
        sentence = f"A path of {asked.steps} steps needs {inner} tracks between its ends; there are too few"
        raise Refused(f"{sentence} that may be used.", code="no_path")
    if not inner:
        return np.empty(0, np.int64)
    ground = _Ground(asked)
    there, cost = _Search(asked, limits, known, ground).solve()
    back = [replace(terrain, start=terrain.end, end=terrain.start) for terrain in asked.terrains]
    reversed_, cost_back = _Search(replace(asked, terrains=back), limits, known, ground).solve()
    return there if cost <= cost_back else reversed_[::-1]


class _Limits:
    """Which candidates may follow which partial paths."""

    def __init__(self, asked: Walk) -> None:
        keys = np.array([*asked.artists, *asked.ends], dtype=np.str_)
        names, codes = np.unique(keys, return_inverse=True)
        count = len(asked.artists)
        self.artist = codes[:count]
        free = (names == "") if asked.per_artist else np.ones(len(names), np.bool_)
        taken = np.bincount(codes[count:], minlength=len(names))
        # What is left for each artist; nobody has more tracks than there are candidates.
        self.left = np.where(free, count, np.maximum(0, asked.per_artist - taken))

    def room(self, known: NDArray[np.bool_]) -> int:
        """How many of the known candidates fit into one path."""
        each = np.bincount(self.artist[known], minlength=len(self.left))
        return int(np.minimum(each, self.left).sum())


class _Ground:
    """Distances from candidates to all others: those that were computed serve all steps in both directions."""

    def __init__(self, asked: Walk) -> None:
        self.clean = [np.where(_has_vector(t.candidates)[:, None], t.candidates, np.nan) for t in asked.terrains]
        self._terrains, size = asked.terrains, len(asked.artists)
        # One step never needs more rows than there are partial paths.
        self._rows = np.empty((min(size, max(asked.most_cells // size, BREADTH + asked.steps)), size))
        self._row = np.full(size, -1)
        self._used = 0

    def learn(self, some: Indexes) -> None:
        """Compute at once what will be asked for, as far as there is room; different candidates."""
        new = some[self._row[some] < 0][: len(self._rows) - self._used]
        if new.size:
            self._row[new] = np.arange(self._used, self._used + len(new))
            self._used += len(new)
            pairs = zip(self.clean, self._terrains, strict=True)
            self._rows[self._row[new]] = _averaged([_distance(rows[new] @ rows.T, one.crowd) for rows, one in pairs])

    def distances(self, some: Indexes, others: Indexes) -> Matrix:
        """[some, others]; both different candidates."""
        self.learn(some)
        if (self._row[some] < 0).any():
            self._row[:], self._used = -1, 0
            self.learn(some)
        found: Matrix = self._rows[self._row[some]].take(others, axis=1)
        return found


class _Search:
    """Dynamic programming in one direction; a state is a candidate with the best path to it that was found."""

    def __init__(self, asked: Walk, limits: _Limits, known: NDArray[np.bool_], ground: _Ground) -> None:
        self._terrains, self._limits, self._ground = asked.terrains, limits, ground
        points = [between(terrain.start, terrain.end, asked.steps) for terrain in asked.terrains]
        self._off = _averaged(
            [
                _distance(inner[1:-1] @ rows.T, terrain.crowd)
                for inner, rows, terrain in zip(points, ground.clean, asked.terrains, strict=True)
            ]
        )
        self._off[:, ~known] = np.inf
        ground.learn(np.unique(np.argsort(self._off, axis=1, kind="stable")[:, : BREADTH + asked.steps]))

    def solve(self) -> tuple[Indexes, float]:
        """The path and its cost."""
        paths = np.empty((1, 0), np.int64)
        costs = np.zeros(1)
        for off in self._off:
            paths, costs = self._step(paths, costs, off)
        home = _averaged([self._to_end(place, paths[:, -1]) for place in range(len(self._terrains))])
        total = costs + home**2
        best = int(total.argmin())
        return paths[best], float(total[best])

    def _step(self, paths: Indexes, costs: Matrix, off: Matrix) -> tuple[Indexes, Matrix]:
        """Every partial path by one more track: for each that can follow, the cheapest path to it."""
        near = np.argsort(off, kind="stable")
        near = near[np.isfinite(off[near])]
        for some in (near[: BREADTH + paths.shape[1]], near):
            total = costs[:, None] + self._jump(paths, some) ** 2 + PULL * off[some] ** 2
            total[self._closed(paths, some)] = np.inf
            best = total.argmin(axis=0)
            reached = np.isfinite(total[best, np.arange(len(some))])
            if reached.any():
                break
        cheapest = total[best, np.arange(len(some))]
        kept = np.argsort(cheapest, kind="stable")[: min(int(reached.sum()), len(near[: BREADTH + paths.shape[1]]))]
        return np.hstack([paths[best[kept]], some[kept, None]]), cheapest[kept]

    def _jump(self, paths: Indexes, some: Indexes) -> Matrix:
        if not paths.shape[1]:
            return _averaged([self._from_start(place, some)[None, :] for place in range(len(self._terrains))])
        return self._ground.distances(paths[:, -1], some)

    def _closed(self, paths: Indexes, some: Indexes) -> NDArray[np.bool_]:
        """[paths, candidates] that are on the path already, or whose artist is there often enough."""
        rows, artists = np.arange(len(paths))[:, None], self._limits.artist
        used = np.zeros((len(paths), len(artists)), np.bool_)
        used[rows, paths] = True
        count = np.zeros((len(paths), len(self._limits.left)), np.int64)
        np.add.at(count, (rows, artists[paths]), 1)
        full = count >= self._limits.left
        closed: NDArray[np.bool_] = used[:, some] | full[:, artists[some]]
        return closed

    def _from_start(self, place: int, some: Indexes) -> Matrix:
        terrain = self._terrains[place]
        return _distance(self._ground.clean[place][some] @ terrain.start, terrain.crowd)

    def _to_end(self, place: int, some: Indexes) -> Matrix:
        terrain = self._terrains[place]
        return _distance(self._ground.clean[place][some] @ terrain.end, terrain.crowd)


def _has_vector(vectors: Vectors) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = np.isfinite(vectors[:, 0]) & (vectors != 0).any(axis=1)
    return there


def _distance(cosines: NDArray[np.floating], crowd: float) -> Matrix:
    """Angles, 1 for that of a random pair."""
    angles: Matrix = np.arccos(np.clip(cosines.astype(np.float64), -1.0, 1.0)) / np.arccos(min(crowd, MOST_CROWDED))
    return angles


def _averaged(distances: Sequence[Matrix]) -> Matrix:
    """Over the models that know both; 1, as for a random pair, where none does."""
    stack = np.stack(distances)
    count = (~np.isnan(stack)).sum(axis=0)
    mean: Matrix = np.where(count > 0, np.nansum(stack, axis=0) / np.maximum(count, 1), 1.0)
    return mean
