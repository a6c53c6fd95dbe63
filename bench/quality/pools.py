"""How sharply several seeds should be pooled: which tracks of their class, or of both their classes, they find."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.quality.corpus import Corpus
from bench.quality.measures import NEIGHBOURS, Matrix, labels_of, related
from recommendations.arithmetic.pooling import pool

SHARPNESS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, math.inf)
FIELDS = ("album", "composer", "style")
DRAWS = 300
SEEDS = (3, 5, 15)


def lines(corpus: Corpus) -> Iterator[str]:
    """For each model and number of seeds: one class, then two classes at once."""
    head = [f"{count} seeds, same {field}" for count in SEEDS[:2] for field in FIELDS]
    head += [f"{count}+{count} of two: {what}" for count in (2, 4) for what in ("either", "fewer", "both")]
    yield f"| model, sharpness | {' | '.join(head)} |"
    yield "|---" * (len(head) + 1) + "|"
    versions = related(corpus.tracks, corpus.tracks)
    for model in corpus.models:
        rows, background = corpus.rows(model, corpus.tracks), corpus.background(model)
        scales = {
            "cosine": (rows @ rows.T).astype(np.float64),
            "": background.log_odds(background.corrected(rows, rows)),
        }
        for scale, matrix in scales.items():
            for sharpness in (0.0, math.inf) if scale else SHARPNESS:
                values = [
                    _one_class(corpus, matrix, versions, sharpness, (count, field))
                    for count in SEEDS[:2]
                    for field in FIELDS
                ]
                for count in (2, 4):
                    values += _two_classes(corpus, matrix, versions, sharpness, count)
                yield f"| {model}, {scale} {sharpness:g} | {' | '.join(f'{value:.3f}' for value in values)} |"


def _one_class(
    corpus: Corpus, matrix: Matrix, versions: NDArray[np.bool_], sharpness: float, asked: tuple[int, str]
) -> float:
    """Share of the ten best that are of the seeds' class."""
    count, field = asked
    labels, draw = labels_of(corpus.tracks, field), np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        wanted = draw.integers(0, labels.max() + 1)
        seeds = draw.permutation(np.flatnonzero(labels == wanted))[:count]
        found.append((labels[_ten(matrix, versions, seeds, sharpness)] == wanted).mean())
    return float(np.mean(found))


def _two_classes(
    corpus: Corpus, matrix: Matrix, versions: NDArray[np.bool_], sharpness: float, count: int
) -> list[float]:
    """With as many seeds of two styles each: share of the ten that are of either, of the rarer one, lists with both."""
    labels, draw = labels_of(corpus.tracks, "style"), np.random.default_rng(1)
    shares = []
    for _ in range(DRAWS):
        pair = draw.permutation(labels.max() + 1)[:2]
        seeds = np.concatenate([draw.permutation(np.flatnonzero(labels == each))[:count] for each in pair])
        ten = labels[_ten(matrix, versions, seeds, sharpness)]
        shares.append([(ten == each).mean() for each in pair])
    both = np.array(shares)
    return [float(both.sum(axis=1).mean()), float(both.min(axis=1).mean()), float((both.min(axis=1) >= 0.2).mean())]


def _ten(matrix: Matrix, versions: NDArray[np.bool_], seeds: NDArray[np.intp], sharpness: float) -> Sequence[int]:
    pooled = pool(matrix[seeds], np.ones(len(seeds)), sharpness)
    pooled[versions[seeds].any(axis=0)] = -np.inf
    pooled[seeds] = -np.inf
    best: list[int] = np.argsort(-pooled, kind="stable")[:NEIGHBOURS].tolist()
    return best
