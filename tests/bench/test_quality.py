"""The measures that the recommendations' settings rest on."""

import numpy as np
import pytest

from bench.evaluation.protocol import Piece
from bench.quality.hubness import WAYS, mutual
from bench.quality.measures import hubs, own_first, same_class
from recommendations.arithmetic.calibration import Background
from tests.recommendations.candidates import clustered, unit


def piece(number: int, style: str = "calm", version: str | None = None) -> Piece:
    return Piece(
        id=f"T:{number}",
        kind="track",
        track=str(number),
        path="",
        start=0.0,
        seconds=1.0,
        game="g",
        album="a",
        composer=None,
        style=style,
        version_group=version,
        alteration=None,
        development=True,
    )


def test_where_every_track_is_as_many_neighbours_there_are_no_hubs() -> None:
    ring = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    found = hubs(-np.minimum(ring, 40 - ring).astype(float))
    assert (found.skewness, found.never, found.most) == (0.0, 0.0, 10)


def test_a_track_that_is_near_to_everything_is_a_hub_until_it_is_corrected() -> None:
    rows = clustered(80, seed=1, clusters=4_000, dimension=300)
    rows[0] = unit(rows.mean(axis=0, keepdims=True))[0]
    background = Background.fit(rows)
    plain, corrected = (hubs(WAYS[way](rows, rows, background)) for way in ("cosine", "mutual proximity"))
    assert plain.most > 50
    assert corrected.most < 0.6 * plain.most
    assert abs(corrected.skewness) < plain.skewness


def test_versions_of_one_composition_are_neither_right_nor_wrong() -> None:
    pieces = [piece(0, version="v"), piece(1, version="v"), piece(2)]
    similarity = np.array([[0.5, 0.9, 0.1], [0.1, 0.9, 0.2], [0.3, 0.2, 0.1]])
    assert own_first(similarity, pieces, pieces) == pytest.approx((2 / 3, 1.0, (1 + 1 + 1 / 3) / 3))


def test_precision_counts_only_classes_that_are_large_enough() -> None:
    styles = ["calm"] * 12 + ["loud"] * 12 + ["rare"] * 3
    rows = unit(np.eye(3)[[{"calm": 0, "loud": 1, "rare": 2}[style] for style in styles]] + 0.01)
    similarity = mutual(rows, rows, Background.fit(rows))
    assert same_class(similarity, [piece(place, style) for place, style in enumerate(styles)], "style") == 1.0
