import numpy as np
import pytest
from numpy.typing import NDArray

from bench.projection.clusters import Clusters, unit
from bench.projection.neighbours import compare, judge

EXACT = np.linspace(1, 0.2, 200, dtype=np.float32)[None]


class Noise:
    name, count = "noise", 700

    def __init__(self) -> None:
        self._rows = unit(np.random.default_rng(0).standard_normal((self.count, 32), np.float32))

    def rows(self, first: int, last: int) -> NDArray[np.float32]:
        return self._rows[first:last]


def test_an_order_that_is_kept_keeps_everything() -> None:
    kept = judge(EXACT, EXACT**3)
    assert (kept.cosine, kept.within, kept.recall, kept.deepest) == (1, 1, 1, 10)


def test_a_neighbour_that_falls_behind_is_seen() -> None:
    fallen = EXACT.copy()
    fallen[0, 4] = EXACT[0, 149]
    kept = judge(EXACT, fallen)
    assert (kept.within, kept.recall) == (0.9, 0.9)
    assert kept.deepest in (149, 150)
    assert kept.cosine == pytest.approx(np.delete(EXACT[0], 4)[:10].mean() / EXACT[0, :10].mean())


def test_half_of_the_dimensions_keep_less_than_all() -> None:
    kept = compare(Noise(), np.arange(50), {"all": lambda rows: rows, "half": lambda rows: unit(rows[:, :16])})
    assert kept["all"].recall == 1
    assert kept["half"].recall < 0.9


def test_made_up_tracks_are_as_crowded_as_said() -> None:
    rows = Clusters("", 100, (0.93, 0.85, 0.08)).rows(0, 60)
    cosines = (rows @ rows.T)[np.triu_indices(60, 1)]
    assert cosines.mean() == pytest.approx(0.91, abs=0.01)
