"""Where the similarity of copies ends and that of different recordings begins, on the scale of a space's crowd."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.protocol import OTHER_SPEED
from bench.quality.corpus import Corpus
from bench.quality.measures import Matrix, related

THRESHOLDS = (0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97)


def lines(corpus: Corpus) -> Iterator[str]:
    """Each model alone, then what any and what all of them say."""
    models = [model for model in corpus.models if corpus.hears_copies(model)]
    scaled = {model: [_scaled(corpus, model, kind) for kind in ("copies", "tracks")] for model in models}
    head = [f"{threshold:g}" for threshold in THRESHOLDS]
    yield "Copies found / pairs of different tracks that are taken for one, at each threshold:"
    yield ""
    yield f"| model | farthest copy | nearest other | {' | '.join(head)} |"
    yield "|---" * (len(head) + 3) + "|"
    yield from (_row(corpus, model, *pair) for model, pair in scaled.items())
    pairs = list(scaled.values())
    for name, fold in (("any", np.max), ("all", np.min), ("mean", np.mean)):
        both = [fold([pair[kind] for pair in pairs], axis=0) for kind in (0, 1)]
        yield _row(corpus, f"{name} of them", both[0], both[1])


def _scaled(corpus: Corpus, model: str, kind: str) -> Matrix:
    tracks = corpus.rows(model, corpus.tracks)
    asked = tracks if kind == "tracks" else corpus.rows(model, corpus.copies)
    crowd = corpus.background(model).crowd
    return ((asked @ tracks.T).astype(np.float64) - crowd) / (1 - crowd)


def _row(corpus: Corpus, name: str, copies: Matrix, tracks: Matrix) -> str:
    same = np.array([piece.alteration != OTHER_SPEED for piece in corpus.copies])
    own = _own(corpus)
    mine = np.where(own, copies, -np.inf).max(axis=1)[same]
    among = np.triu(~related(corpus.tracks, corpus.tracks), 1)
    wrong = tracks[among]
    cells = [f"{(mine >= each).mean():.3f} / {(wrong >= each).sum()}" for each in THRESHOLDS]
    return f"| {name} | {mine.min():.3f} | {wrong.max():.3f} | {' | '.join(cells)} |"


def _own(corpus: Corpus) -> NDArray[np.bool_]:
    copies, tracks = (np.array([piece.track for piece in some]) for some in (corpus.copies, corpus.tracks))
    own: NDArray[np.bool_] = copies[:, None] == tracks
    return own
