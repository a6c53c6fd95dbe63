"""What each model says of candidates, from its vectors of them and of what was asked; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.store.base import VectorField
from recommendations.arithmetic.calibration import Background, Vectors, probability
from recommendations.arithmetic.pooling import influence, pool
from recommendations.results import ModelScores

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """What candidates are compared with in one field of a model, against one background."""

    field: VectorField
    background: Background
    rows: NDArray[np.intp]
    """Which of the request's queries `queries` are."""
    queries: Vectors
    """[rows, dimension]; may be none."""
    negative: Vectors
    disliked: Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voice:
    """Everything that one model is asked."""

    model: str
    collection: str
    blocks: tuple[Block, ...]
    dislikes: NDArray[np.bool_]
    """Of all tracks that are disliked, those whose vectors the blocks have as `disliked`, in order."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """Which queries this model can compare with, in the order of its blocks."""
        return np.concatenate([np.empty(0, np.intp), *(block.rows for block in self.blocks)])

    @property
    def fields(self) -> tuple[VectorField, ...]:
        """Fields in which candidates' vectors are needed."""
        return tuple(dict.fromkeys(block.field for block in self.blocks))

    def asks(self, field: VectorField) -> bool:
        """Whether there is a query to search this field with."""
        return any(block.rows.size for block in self.blocks if block.field == field)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A model's vectors of candidates in one field."""

    places: NDArray[np.intp]
    """Which of the candidates it holds."""
    vectors: Vectors
    """[places, dimension]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """What a model says, and why."""

    scores: ModelScores
    shares: Matrix
    """[queries, candidates]: the share of each query in a candidate's score; 0 where it has none."""
    disliked: Matrix
    """[dislikes, candidates]: similarity to each disliked track, 0..1; NaN where it is not known."""


def weigh(
    voice: Voice, held: Mapping[VectorField, Held], found: NDArray[np.bool_], weights: Matrix, sharpness: float
) -> Weighed:
    """Compare every candidate with every query, exactly.

    Args:
        voice: with at least one query.
        held: the model's vectors of the candidates, by each of the voice's fields.
        found: [candidates] whether the model's own search found it.
        weights: [queries] of all queries of the request.
        sharpness: see `pooling`.

    """
    size, rows = len(found), voice.rows
    odds = np.full((len(weights), size), np.nan)
    for block in voice.blocks:
        if block.rows.size:
            odds[np.ix_(block.rows, held[block.field].places)] = _log_odds(block, block.queries, held[block.field])
    complete = np.flatnonzero(np.isfinite(odds[rows]).all(axis=0))
    scores, shares = np.full(size, np.nan), np.zeros(odds.shape)
    if complete.size:
        asked = odds[np.ix_(rows, complete)]
        scores[complete] = probability(pool(asked, weights[rows], sharpness))
        shares[np.ix_(rows, complete)] = influence(asked, weights[rows], sharpness)
    return Weighed(
        scores=ModelScores(
            model=voice.model,
            scores=scores,
            among_hits=found & np.isfinite(scores),
            similarity=probability(odds),
            negative=_strongest([_negative(block, held, size) for block in voice.blocks], size),
        ),
        shares=shares,
        disliked=_disliked(voice, held, size),
    )


def _log_odds(block: Block, asked: Vectors, held: Held) -> Matrix:
    return block.background.log_odds(block.background.corrected(asked, held.vectors))


def _negative(block: Block, held: Mapping[VectorField, Held], size: int) -> Matrix:
    """[candidates]: similarity to the nearest negative of a block."""
    found = np.full(size, np.nan)
    if len(block.negative):
        found[held[block.field].places] = probability(_log_odds(block, block.negative, held[block.field])).max(axis=0)
    return found


def _disliked(voice: Voice, held: Mapping[VectorField, Held], size: int) -> Matrix:
    found = np.full((len(voice.dislikes), size), np.nan)
    for block in voice.blocks:
        if len(block.disliked):
            here = np.ix_(np.flatnonzero(voice.dislikes), held[block.field].places)
            found[here] = probability(_log_odds(block, block.disliked, held[block.field]))
    return found


def _strongest(lines: Sequence[Matrix], size: int) -> Matrix:
    """Greatest of what is known; NaN where nothing is."""
    strongest: Matrix = np.fmax.reduce([np.full(size, np.nan), *lines])
    return strongest
