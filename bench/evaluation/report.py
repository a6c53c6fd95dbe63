"""Scores one system on everything the protocol asks, and prints systems side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation import scores
from bench.evaluation.protocol import OTHER_SPEED, Piece
from bench.evaluation.scores import Duplicates, Matrix, Neighbours, Retrieval, Share
from bench.evaluation.systems import Vectors

CLASSES = {"game": 11, "album": 11, "composer": 6, "style": 11}
"""Smallest class that is asked about, by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """All scores of one system."""

    forward: Retrieval
    backward: Retrieval
    duplicates: Duplicates
    neighbours: Mapping[str, Neighbours]

    def measures(self) -> dict[str, float]:
        """The numbers that systems are compared by; more is better in all of them."""
        found = {}
        for direction, result in (("A->B", self.forward), ("B->A", self.backward)):
            found[f"(a) {direction} recall@1"] = result.recall_1.value
            found[f"(a) {direction} recall@10"] = result.recall_10.value
            found[f"(a) {direction} MRR"] = result.mrr
            found[f"(a) {direction} within game @1"] = result.within_game_1.value
        found["(b) copies found"] = self.duplicates.recall
        for field, near in self.neighbours.items():
            found[f"(c) same {field} P@10"] = near.precision.value
        return found


def score(vectors: Vectors, pieces: Sequence[Piece], *, standardise: bool = False) -> Scorecard:
    """Score a system by cosine; `standardise` z-scores its numbers over this library's excerpts first."""
    table: Matrix = np.stack([vectors[piece.id] for piece in pieces]).astype(np.float64)
    kinds = np.array([piece.kind for piece in pieces])
    if standardise:
        table = scores.standardised(table, table[(kinds == "A") | (kinds == "B")])
    row = {piece.id: place for place, piece in enumerate(pieces)}
    table = scores.unit(table)
    first, copies, tracks = ([piece for piece in pieces if piece.kind == kind] for kind in ("A", "altered", "track"))
    a = table[[row[f"A:{piece.track}"] for piece in first]]
    b = table[[row[f"B:{piece.track}"] for piece in first]]
    whole = table[kinds == "track"]
    return Scorecard(
        forward=scores.same_track(a, b, first),
        backward=scores.same_track(b, a, first),
        duplicates=scores.duplicates(table[kinds == "altered"] @ whole.T, copies, tracks),
        neighbours={field: scores.same_class(whole, tracks, field, size) for field, size in CLASSES.items()},
    )


def table_lines(cards: Mapping[str, Scorecard]) -> Iterator[str]:
    """A Markdown table, one column per system."""
    yield f"| | {' | '.join(cards)} |"
    yield "|---" * (len(cards) + 1) + "|"
    measures = {name: card.measures() for name, card in cards.items()}
    for measure in next(iter(measures.values())):
        yield f"| {measure} | {' | '.join(f'{values[measure]:.3f}' for values in measures.values())} |"
    yield f"| (b) false pairs | {' | '.join(str(card.duplicates.false_pairs) for card in cards.values())} |"
    for label, found in ((f"(b) {OTHER_SPEED} found", "found"), (f"(b) {OTHER_SPEED} first", "first")):
        numbers = (getattr(card.duplicates, found)[OTHER_SPEED] for card in cards.values())
        yield f"| {label} | {' | '.join(f'{number:.3f}' for number in numbers)} |"


def detail_lines(card: Scorecard) -> Iterator[str]:
    """Intervals, chance levels and the altered copies one by one."""
    for direction, result in (("A->B", card.forward), ("B->A", card.backward)):
        within = f"within game @1 {_interval(result.within_game_1)}, n={result.recall_1.count}"
        yield f"(a) {direction} recall@1 {_interval(result.recall_1)}, @10 {_interval(result.recall_10)}, {within}"
    copies = card.duplicates
    yield f"(b) threshold {copies.threshold:.4f}, {copies.false_pairs} false of {copies.pairs} pairs (test half)"
    yield f"    most similar other track {copies.nearest_other:.4f}, least similar copy {copies.farthest_copy:.4f}"
    for name, found in copies.found.items():
        yield f"    {name:10s} found {found:.3f}, ranks first {copies.first[name]:.3f}"
    for field, near in card.neighbours.items():
        beside = f"macro {near.macro:.3f}, chance {near.chance:.3f}, queries={near.precision.count}"
        yield f"(c) same {field} P@10 {_interval(near.precision)}, {beside}"


def _interval(found: Share) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
