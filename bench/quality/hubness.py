"""What correcting hubs does to retrieval and to hubs, and how many sampled tracks it takes."""

from collections.abc import Callable, Iterator

import numpy as np

from bench.evaluation.report import CLASSES
from bench.quality.corpus import Corpus, Rows
from bench.quality.measures import Matrix, hubs, own_first, same_class
from recommendations.arithmetic.calibration import SAME, Background

Compare = Callable[[Rows, Rows, Background], Matrix]
SAMPLES = (16, 32, 64, 128)
DRAWS = 8
LOCAL = 10
"""Neighbours that CSLS takes the mean of."""


def cosine(queries: Rows, gallery: Rows, _background: Background) -> Matrix:
    """Plain."""
    return (queries @ gallery.T).astype(np.float64)


def mutual(queries: Rows, gallery: Rows, background: Background) -> Matrix:
    """The product's: Gaussian mutual proximity from the background's sampled tracks."""
    return background.corrected(queries, gallery)


def csls(queries: Rows, gallery: Rows, background: Background) -> Matrix:
    """Conneau et al. 2018: twice the cosine, less the mean of each side's nearest sampled tracks."""

    def crowd(rows: Rows) -> Matrix:
        near = (rows @ background.tracks.T).astype(np.float64)
        near[near >= SAME] = -np.inf
        nearest: Matrix = np.sort(near, axis=1)[:, -LOCAL:].mean(axis=1)
        return nearest

    return 2 * cosine(queries, gallery, background) - crowd(queries)[:, None] - crowd(gallery)


WAYS: dict[str, Compare] = {"cosine": cosine, "mutual proximity": mutual, "CSLS": csls}
HEAD = ("recall@1", "recall@10", "MRR", *CLASSES, "skewness", "never", "most")


def measure(corpus: Corpus, model: str, way: Compare, background: Background) -> list[float]:
    """One row of the table: (a) both directions together, (c) by class, hubs among tracks."""
    a, b = (corpus.rows(model, pieces) for pieces in corpus.pairs)
    first, second = corpus.pairs
    there, back = own_first(way(a, b, background), first, second), own_first(way(b, a, background), second, first)
    tracks = corpus.rows(model, corpus.tracks)
    among = way(tracks, tracks, background)
    classes = [same_class(among, corpus.tracks, field) for field in CLASSES]
    found = hubs(among)
    return [*((np.array(there) + np.array(back)) / 2).tolist(), *classes, found.skewness, found.never, found.most]


def lines(corpus: Corpus) -> Iterator[str]:
    """Every model in every way; then fewer sampled tracks."""
    yield f"| model, way | {' | '.join(HEAD)} |"
    yield "|---" * (len(HEAD) + 1) + "|"
    for model in corpus.models:
        for name, way in WAYS.items():
            yield _row(f"{model}, {name}", measure(corpus, model, way, corpus.background(model)))
    yield ""
    yield f"Mutual proximity from fewer sampled tracks (mean of {DRAWS} draws, spread of recall@1):"
    yield f"| acoustic | {' | '.join(HEAD)} |"
    yield "|---" * (len(HEAD) + 1) + "|"
    draw = np.random.default_rng(0)
    for count in (*SAMPLES, len(corpus.tracks)):
        taken = [draw.permutation(len(corpus.tracks))[:count] for _ in range(DRAWS)]
        rows = np.array([measure(corpus, "acoustic", mutual, corpus.background("acoustic", some)) for some in taken])
        yield _row(f"{count} tracks (±{rows[:, 0].std():.3f})", rows.mean(axis=0).tolist())


def _row(name: str, values: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{value:.3f}' for value in values[:-1])} | {values[-1]:.0f} |"
