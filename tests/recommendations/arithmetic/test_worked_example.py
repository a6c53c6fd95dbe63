"""The numbers of the worked example in docs/scoring.md, computed by what the engine computes with."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from embedder_site.env import BASE_DIR
from recommendations.arithmetic.calibration import Background, probability
from recommendations.arithmetic.merging import merge
from recommendations.arithmetic.pooling import influence, pool
from recommendations.arithmetic.scoring import marked_factor, negative_factor
from recommendations.domain import Merge
from recommendations.modes import MODES, Mode
from recommendations.results import ModelScores

DOCS = BASE_DIR / "docs" / "scoring.md"
LIBRARY = (0, 25, 60, 100, 150, 200, 260, 310)
SEEDS, WEIGHTS = (10, 60), np.array([1.0, 2.0]) / 3.0
CANDIDATES = {"Ada": 30, "Ben": 75, "Cleo": 120}
NEGATIVE = 80
PENALTY = 0.5
OTHER = {"Ada": 0.40, "Ben": 0.70, "Cleo": 0.95}
SHARPNESS = 1.0


def at(*degrees: int) -> NDArray[np.float32]:
    """Unit vectors of two numbers at these angles."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def row(step: str, values: NDArray[np.float64]) -> str:
    """One line of the table."""
    return f"| {step} | {' | '.join(f'{value:.3f}' for value in values)} |"


def lines() -> Iterator[str]:
    """Every line of the example's table."""
    background, candidates = Background.fit(at(*LIBRARY)), at(*CANDIDATES.values())
    corrected = background.corrected(at(*SEEDS), candidates)
    odds = background.log_odds(corrected)
    for number, seed in enumerate(SEEDS):
        yield row(f"cosine with the seed at {seed}°", (at(seed) @ candidates.T)[0].astype(np.float64))
        yield row(f"corrected, seed at {seed}°", corrected[number])
        yield row(f"log odds, seed at {seed}°", odds[number])
    pooled = pool(odds, WEIGHTS, SHARPNESS)
    yield row("pooled log odds", pooled)
    yield row("calibrated score", probability(pooled))
    yield row("share of the seed at 60°", influence(odds, WEIGHTS, SHARPNESS)[1])
    negative = probability(background.log_odds(background.corrected(at(NEGATIVE), candidates)))[0]
    yield row("similarity to the negative at 80°", negative)
    factor = negative_factor(negative, PENALTY)
    yield row("factor, penalty 0.5", factor)
    first, second = probability(pooled) * factor, np.array(list(OTHER.values()))
    yield row("first model's score", first)
    yield row("second model's score", second)
    models = [
        ModelScores(
            model=name,
            scores=scores,
            among_hits=np.ones(3, np.bool_),
            similarity=np.empty((0, 3)),
            negative=np.full(3, np.nan),
        )
        for name, scores in (("first", first), ("second", second))
    ]
    for strategy in ("union", "intersection"):
        yield row(strategy, merge(models, Merge(strategy=strategy)).score)
    yield row("union, both agreeing", merge(models, Merge(agreement=2)).score)
    marks = np.array([np.nan, np.nan, 1.0])
    yield row("union, Cleo by a disliked artist", merge(models, Merge()).score * marked_factor(marks, 0.6))


@pytest.mark.parametrize("line", list(lines()))
def test_the_documentation_shows_what_is_computed(line: str) -> None:
    assert line in DOCS.read_text()


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_the_documentation_shows_every_mode(mode: Mode) -> None:
    half_life = f"{mode.half_life_days:g} days" if mode.half_life_days else "never"
    numbers = (mode.sharpness, mode.familiarity, mode.exploration, mode.diversity, mode.least_diversity)
    line = f"| `{mode.key}` | {mode.title} | {half_life} | {' | '.join(f'{number:g}' for number in numbers)} |"
    assert line in DOCS.read_text()
