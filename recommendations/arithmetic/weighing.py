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
class Opinion:
    """What one model says by itself."""

    model: str
    found: NDArray[np.bool_]
    """[candidates] whether the model's own search found it."""
    holds: NDArray[np.bool_]
    """[candidates] whether the model has every vector of it that it compares."""
    odds: Matrix
    """[queries, candidates] log odds; NaN for what it cannot compare."""
    negative: Matrix
    """[candidates] similarity to the nearest negative, 0..1; NaN where it knows none."""
    disliked: Matrix
    """As in `Weighed`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """What a model says, and why."""

    scores: ModelScores
    shares: Matrix
    """[queries, candidates]: the share of each query in a candidate's score; 0 where it has none."""
    disliked: Matrix
    """[dislikes, candidates]: similarity to each disliked track, 0..1; NaN where it is not known."""


def listen(voice: Voice, held: Mapping[VectorField, Held], found: NDArray[np.bool_], queries: int) -> Opinion:
    """Compare every candidate with every query that the model can compare, exactly.

    Args:
        voice: with at least one query.
        held: the model's vectors of the candidates, by each of the voice's fields.
        found: [candidates] whether the model's own search found it.
        queries: how many the request has.

    """
    size = len(found)
    odds = np.full((queries, size), np.nan)
    for block in voice.blocks:
        if block.rows.size:
            odds[np.ix_(block.rows, held[block.field].places)] = _log_odds(block, block.queries, held[block.field])
    return Opinion(
        model=voice.model,
        found=found,
        holds=np.isfinite(odds[voice.rows]).all(axis=0),
        odds=odds,
        negative=_strongest([_negative(block, held, size) for block in voice.blocks], size),
        disliked=_disliked(voice, held, size),
    )


def weigh(opinions: Sequence[Opinion], weights: Matrix, sharpness: float) -> tuple[Weighed, ...]:
    """Score every candidate by every model that has it, by all that was asked for.

    What one model cannot compare, words above all, is taken from those that can: the mean of their log odds, and the
    strongest of their negatives. So a prompt counts as much in a model that cannot read it, which would else outvote
    those that can. What nobody can say of a candidate is as of a random track.

    Args:
        opinions: of at least one model.
        weights: [queries].
        sharpness: see `pooling`.

    """
    every = np.stack([opinion.odds for opinion in opinions])
    told: NDArray[np.bool_] = np.asarray(np.isfinite(every).any(axis=(0, 2)))
    known = np.isfinite(every).sum(axis=0)
    common = np.where(np.isfinite(every), every, 0.0).sum(axis=0) / np.maximum(known, 1)
    negative = _strongest([opinion.negative for opinion in opinions], every.shape[2])
    return tuple(_weighed(opinion, common, negative, told, (weights, sharpness)) for opinion in opinions)


def _weighed(
    opinion: Opinion, common: Matrix, negative: Matrix, told: NDArray[np.bool_], how: tuple[Matrix, float]
) -> Weighed:
    weights, sharpness = how
    held = np.flatnonzero(opinion.holds)
    scores, shares = np.full(len(opinion.holds), np.nan), np.zeros(opinion.odds.shape)
    if held.size:
        asked = np.where(np.isfinite(opinion.odds), opinion.odds, common)[np.ix_(told, held)]
        scores[held] = probability(pool(asked, weights[told], sharpness))
        shares[np.ix_(told, held)] = influence(asked, weights[told], sharpness)
    lacking = opinion.holds & np.isnan(opinion.negative)
    return Weighed(
        scores=ModelScores(
            model=opinion.model,
            scores=scores,
            among_hits=opinion.found & opinion.holds,
            similarity=probability(opinion.odds),
            negative=np.where(lacking, negative, opinion.negative),
        ),
        shares=shares,
        disliked=opinion.disliked,
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
