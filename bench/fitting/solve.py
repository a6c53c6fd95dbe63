"""From raw rows to constants: standardise, give every block the same say, and soften what varies within a track."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.scores import unit
from bench.fitting.music import Rows, Song
from embeddings.embedders.acoustic.features import WindowReader
from embeddings.embedders.acoustic.pooling import CLIP, FIRST, statistics

DIMENSION = 320
RIDGE = 0.3
"""Variance added to every direction before it is divided by, as a share of the mean within-track variance."""
WHITENING = 0.4
"""0 leaves the directions as they are (best for style), 1 divides by the within-track spread (best for same-track)."""
SAYS = {
    "cepstra_mean": 1.8,
    "cepstra_spread": 1.8,
    "cepstra_motion": 1.8,
    "quantiles": 1.8,
    "co_motion": 2.5,
    "peakiness_mean": 1.8,
    "peakiness_spread": 1.8,
    "modulation": 1.5,
    "pulse": 1.2,
    "bass": 1.5,
    "dynamics": 0.5,
    "onsets": 0.5,
}
"""Say of the blocks of means, 1 where not named: timbre carries style, and a few numbers must not carry much."""
SPREAD_SAYS = {"level": 1.5, "cepstra_mean": 3.0, "peakiness_mean": 2.0, "chroma": 2.0}
"""Say of the blocks of spreads over the windows, 1 where not named."""
VARYING = ("cepstra_mean", "peakiness_mean", "chroma", "dynamics", "onsets")
"""Blocks whose spread over a track's windows is a statistic too."""
EXCERPT_WINDOWS = 3
EXCERPTS = 5
OTHER_SPEED_WEIGHT = 0.3

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What `constants.npz` holds."""

    centre: Matrix
    scale: Matrix
    projection: Matrix
    varying: NDArray[np.int64]

    def vectors(self, table: Matrix) -> Matrix:
        """Rows of statistics to rows of unit vectors, as the model does it."""
        return unit(np.clip((table - self.centre) / self.scale, -CLIP, CLIP) @ self.projection)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Statistics of every way to hear some songs."""

    table: Matrix
    """[samples, statistics]"""
    song: NDArray[np.int64]
    weight: NDArray[np.float64]
    whole: NDArray[np.bool_]


def fit(songs: Sequence[Song]) -> Fitted:
    """The constants of these songs."""
    blocks = block_columns()
    varying = np.concatenate([blocks[name] for name in VARYING])
    samples = gather(songs, varying)
    centre, scale = samples.table[samples.whole].mean(axis=0), samples.table.std(axis=0) + 1e-6
    standard = np.clip((samples.table - centre) / scale, -CLIP, CLIP)
    says = block_weights(blocks)
    within = within_covariance(standard, samples) * np.outer(says, says)
    within *= len(says) / np.trace(within)
    variance, directions = np.linalg.eigh(within + RIDGE * np.eye(len(says)))
    projection = says[:, None] * (directions / variance ** (WHITENING / 2))
    return Fitted(
        centre=centre, scale=scale, projection=projection @ strongest(standard @ projection, DIMENSION), varying=varying
    )


def gather(songs: Sequence[Song], varying: NDArray[np.int64]) -> Samples:
    """Every song whole, in excerpts, and altered."""
    chance = np.random.default_rng(1)
    rows, song, weight, whole = [], [], [], []
    for number, one in enumerate(songs):
        for name, stretch in _hearings(one, chance):
            if not stretch[:, 0].any():
                continue
            rows.append(statistics(stretch, varying))
            song.append(number)
            weight.append(OTHER_SPEED_WEIGHT if name == "faster" else 1.0)
            whole.append(name == "whole")
    return Samples(table=np.stack(rows), song=np.array(song), weight=np.array(weight), whole=np.array(whole))


def _hearings(song: Song, chance: np.random.Generator) -> Iterator[tuple[str, Rows]]:
    count = len(song.whole)
    yield "whole", song.whole
    yield from song.altered.items()
    starts = chance.permutation(np.arange(0, count - EXCERPT_WINDOWS + 1, EXCERPT_WINDOWS))
    for start in starts[:EXCERPTS]:
        yield "excerpt", song.whole[start : start + EXCERPT_WINDOWS]
    yield "half", song.whole[: count // 2]
    yield "half", song.whole[count // 2 :]


def within_covariance(standard: Matrix, samples: Samples) -> Matrix:
    """How the hearings of one song differ, averaged over songs."""
    total = np.zeros((standard.shape[1], standard.shape[1]))
    for number in np.unique(samples.song):
        chosen = samples.song == number
        weight = samples.weight[chosen] / samples.weight[chosen].sum()
        apart = (standard[chosen] - weight @ standard[chosen]) * np.sqrt(weight)[:, None]
        total += apart.T @ apart
    return total


def strongest(vectors: Matrix, dimension: int) -> Matrix:
    """The directions that keep most of the cosines between vectors: [statistics, dimension]."""
    rows = unit(vectors)
    _, directions = np.linalg.eigh(rows.T @ rows)
    kept: Matrix = directions[:, ::-1][:, :dimension]
    return kept


def block_columns() -> dict[str, NDArray[np.int64]]:
    """Columns of the raw row, by block."""
    blocks = WindowReader().blocks(np.zeros(0, np.float32))
    ends = np.cumsum([len(block) for block in blocks.values()])
    return {name: np.arange(end - len(blocks[name]), end) for name, end in zip(blocks, ends, strict=True)}


def block_weights(blocks: dict[str, NDArray[np.int64]]) -> Matrix:
    """A block's say over the root of its size: without it 192 modulation numbers would drown three of dynamics."""
    means = [(SAYS.get(name, 1.0), len(columns)) for name, columns in blocks.items() if columns[0] >= FIRST]
    spreads = [(SPREAD_SAYS.get(name, 1.0), len(blocks[name])) for name in ("level", *VARYING)]
    return np.concatenate([np.full(size, say * size**-0.5) for say, size in (*means, *spreads)])
