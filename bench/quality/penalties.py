"""How far a penalty moves things in libraries of different sizes; drawn by chance, no music."""

from collections.abc import Iterator

import numpy as np

from bench.quality.corpus import Corpus
from recommendations.arithmetic.scoring import negative_factor

LIBRARIES = (178, 10_000, 100_000)
PENALTIES = (0.99, 0.85, 0.5, 0.3)
LIMIT = 25
POOL = 3 * LIMIT + 50
DRAWS = 200
SHARE_OF_ODDS = 8
"""With which a penalty of 0.85 does to odds about what it does to the scores of a library of 178 tracks."""


def lines(_corpus: Corpus) -> Iterator[str]:
    """A negative that has nothing to do with what was asked for: who stays among the best, how negative they are."""
    head = [
        f"{name}, {what}"
        for name in ("score times factor", f"odds times factor ** {SHARE_OF_ODDS}")
        for what in ("stay", "negative")
    ]
    yield f"| library, penalty | {' | '.join(head)} |"
    yield "|---" * (len(head) + 1) + "|"
    for size in LIBRARIES:
        for penalty in PENALTIES:
            draw = np.random.default_rng(0)
            values = np.mean([_one(draw, size, penalty) for _ in range(DRAWS)], axis=0)
            yield f"| {size:,} tracks, {penalty:g} | {' | '.join(f'{value:.3f}' for value in values)} |"


def _one(draw: np.random.Generator, size: int, penalty: float) -> list[float]:
    """Share of the best that stay, and mean similarity to the negative of the new best (0.5 by chance)."""
    scores = np.sort(draw.random(size))[::-1][: min(POOL, size)]
    negative = draw.random(len(scores))
    factor = negative_factor(negative, penalty)
    odds = np.log(scores) - np.log1p(-scores)
    found: list[float] = []
    for after in (scores * factor, odds + SHARE_OF_ODDS * np.log(factor)):
        best = np.argsort(-after, kind="stable")[:LIMIT]
        found += [float((best < LIMIT).mean()), float(negative[best].mean())]
    return found
