"""What merging models does, on calibrated scores and on raw cosines."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bench.evaluation.protocol import Piece
from bench.evaluation.report import CLASSES
from bench.quality.corpus import Corpus
from bench.quality.measures import Matrix, own_first, same_class
from recommendations.arithmetic.calibration import probability
from recommendations.arithmetic.diversity import relevance
from recommendations.arithmetic.merging import merge
from recommendations.domain import Merge
from recommendations.results import ModelScores

HITS = 50
"""Candidates that each model's own search brings."""
LEFT_OUT = -1.0

Fold = Callable[[Sequence[Matrix], Sequence[Matrix], Sequence[Matrix]], Matrix]
"""[queries, gallery] of what all models say: raw cosines, calibrated scores, log odds."""


def lines(corpus: Corpus) -> Iterator[str]:
    """Each model alone, then growing sets of them in every way."""
    head = ("recall@1", "recall@10", "MRR", *CLASSES)
    yield f"| models, way | {' | '.join(head)} |"
    yield "|---" * (len(head) + 1) + "|"
    names = list(corpus.models)
    for size in range(2, len(names) + 1):
        some = names[:size]
        for way, fold in ways(some).items():
            values = measure(corpus, some, fold)
            yield f"| {' + '.join(some)}: {way} | {' | '.join(f'{value:.3f}' for value in values)} |"


def ways(models: Sequence[str]) -> Mapping[str, Fold]:
    """By name; the first two know nothing of calibration."""
    count = len(models)
    asked = {
        "union (shipped)": Merge(),
        "intersection": Merge(strategy="intersection"),
        f"priority, {models[0]} first": Merge(strategy="priority", priorities={models[0]: 1}),
        f"priority, {models[-1]} first": Merge(strategy="priority", priorities={models[-1]: 1}),
        **{f"at least {least} of {count}": Merge(agreement=least) for least in range(2, count + 1)},
    }
    return {
        "greatest raw cosine": lambda raw, _calibrated, _odds: np.max(raw, axis=0),
        "mean raw cosine": lambda raw, _calibrated, _odds: np.mean(raw, axis=0),
        "mean calibrated": lambda _raw, calibrated, _odds: np.mean(calibrated, axis=0),
        "mean log odds": lambda _raw, _calibrated, odds: np.mean(odds, axis=0),
        **{name: _shipped(models, each) for name, each in asked.items()},
    }


def measure(corpus: Corpus, models: Sequence[str], fold: Fold) -> list[float]:
    """(a) both directions together, then (c) by class."""
    first, second = corpus.pairs
    there = own_first(_folded(corpus, models, fold, first, second), first, second)
    back = own_first(_folded(corpus, models, fold, second, first), second, first)
    among = _folded(corpus, models, fold, corpus.tracks, corpus.tracks)
    classes = [same_class(among, corpus.tracks, field) for field in CLASSES]
    return [*((np.array(there) + np.array(back)) / 2).tolist(), *classes]


def _folded(
    corpus: Corpus, models: Sequence[str], fold: Fold, queries: Sequence[Piece], gallery: Sequence[Piece]
) -> Matrix:
    raw, odds = [], []
    for model in models:
        asked, there = corpus.rows(model, queries), corpus.rows(model, gallery)
        background = corpus.background(model)
        raw.append((asked @ there.T).astype(np.float64))
        odds.append(background.log_odds(background.corrected(asked, there)))
    return fold(raw, [probability(each) for each in odds], odds)


def _shipped(models: Sequence[str], asked: Merge) -> Fold:
    def fold(raw: Sequence[Matrix], calibrated: Sequence[Matrix], _odds: Sequence[Matrix]) -> Matrix:
        rows = []
        for query in range(len(raw[0])):
            each = [
                ModelScores(
                    model=model,
                    scores=scores[query],
                    among_hits=cosines[query] >= np.sort(cosines[query])[-HITS],
                    similarity=scores[query][None, :],
                    negative=np.full(scores.shape[1], np.nan),
                )
                for model, scores, cosines in zip(models, calibrated, raw, strict=True)
            ]
            merged = merge(each, asked)
            rows.append(np.nan_to_num(relevance(merged.score, merged.tier), nan=LEFT_OUT))
        return np.array(rows)

    return fold
