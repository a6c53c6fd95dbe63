"""What a song path keeps to: its ends, different tracks, even steps, the same way back."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embeddings.errors import Refused
from recommendations.arithmetic.calibration import Vectors
from recommendations.arithmetic.walking import BREADTH, Terrain, Walk, between, walk
from tests.recommendations.candidates import clustered

LISTEN = settings(max_examples=25, deadline=None)


def ground(count: int, seed: int, spaces: int = 1) -> list[Terrain]:
    """Candidates between two others, in spaces that agree about who is near to whom."""
    terrains = []
    for space in range(spaces):
        vectors = clustered(count + 2, seed=seed, spread=0.8, dimension=24 + space)
        terrains.append(Terrain(start=vectors[0], end=vectors[1], candidates=vectors[2:]))
    return terrains


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Enough candidates for any path that is asked for; some artists are known."""
    steps = draw(st.integers(2, 12))
    count, seed = draw(st.integers(60, 120)), draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    terrains = ground(count, seed, draw(st.integers(1, 2)))
    terrains[0].candidates[random.random(count) < 0.1] = np.nan
    artists = [f"a{key}" if key else "" for key in random.integers(0, 30, count)]
    return Walk(terrains=terrains, steps=steps, artists=artists, per_artist=draw(st.integers(0, 3)), ends=("a1", "a2"))


@LISTEN
@given(asked=walks())
def test_a_path_has_its_length_different_tracks_and_its_caps(asked: Walk) -> None:
    path = walk(asked).tolist()
    assert len(path) == len(set(path)) == asked.steps - 2
    counted = Counter(key for key in (*asked.ends, *(asked.artists[place] for place in path)) if key)
    assert not asked.per_artist or max(counted.values()) <= asked.per_artist


@LISTEN
@given(asked=walks())
def test_the_way_back_is_the_way_there_reversed(asked: Walk) -> None:
    back = [replace(terrain, start=terrain.end, end=terrain.start) for terrain in asked.terrains]
    assert walk(replace(asked, terrains=back))[::-1].tolist() == walk(asked).tolist()


def computed_each_time(asked: Walk) -> list[int]:
    """What `walk` is to give on one terrain with vectors of all, as its module says it, from both ends."""

    def angles(cosines: Vectors) -> NDArray[np.float64]:
        return np.arccos(np.clip(np.asarray(cosines, np.float64), -1, 1)) / (np.pi / 2)

    def one_way(terrain: Terrain) -> tuple[float, list[int]]:
        rows, states = terrain.candidates, [(0.0, list[int]())]
        for place, point in enumerate(between(terrain.start, terrain.end, asked.steps)[1:-1]):
            off, reached = angles(rows @ point), list[tuple[float, list[int]]]()
            some = np.argsort(off, kind="stable")[: BREADTH + place].tolist()
            for one in some:
                open_ = [state for state in states if one not in state[1] and room(asked, state[1], one)]
                jumps = [angles((rows[path[-1]] if path else terrain.start) @ rows[one]) for _, path in open_]
                costs = [cost + jump**2 + off[one] ** 2 for (cost, _), jump in zip(open_, jumps, strict=True)]
                if costs:
                    best = int(np.argmin(costs))
                    reached.append((costs[best], [*open_[best][1], one]))
            states = sorted(reached, key=lambda state: state[0])[: len(some)]
        return min((cost + float(angles(rows[path[-1]] @ terrain.end)) ** 2, path) for cost, path in states)

    terrain = asked.terrains[0]
    there = one_way(terrain)
    back = one_way(replace(terrain, start=terrain.end, end=terrain.start))
    return there[1] if there[0] <= back[0] + 1e-9 else back[1][::-1]


def room(asked: Walk, path: list[int], one: int) -> bool:
    """Whether a path may go on with a track."""
    own = asked.artists[one]
    count = sum(key == own for key in (*asked.ends, *(asked.artists[place] for place in path)))
    return not own or not asked.per_artist or count < asked.per_artist


@pytest.mark.parametrize("kept", [16_000_000, 0])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), steps=st.integers(3, 12), per_artist=st.integers(0, 2))
def test_what_is_computed_once_gives_the_same_path(kept: int, seed: int, steps: int, per_artist: int) -> None:
    random = np.random.default_rng(seed)
    artists = [f"a{key}" if key else "" for key in random.integers(0, 60, 120)]
    ends = ("a1", "a2")
    asked = Walk(
        terrains=ground(120, seed), steps=steps, artists=artists, per_artist=per_artist, ends=ends, most_cells=kept
    )
    assert walk(asked).tolist() == computed_each_time(asked)


@LISTEN
@given(seed=st.integers(0, 999), steps=st.integers(2, 9), dimension=st.integers(2, 40))
def test_points_lie_evenly_on_the_circle_between_the_ends(seed: int, steps: int, dimension: int) -> None:
    start, end = clustered(2, seed=seed, dimension=dimension)
    points = between(start, end, steps).astype(np.float64)
    assert np.array_equal(points[[0, -1]].astype(np.float32), np.stack([start, end]))
    assert np.linalg.norm(points, axis=1) == pytest.approx(1, abs=1e-5)
    along = (points[1:] * points[:-1]).sum(axis=1)
    assert along == pytest.approx(along.mean(), abs=1e-5)


@pytest.mark.parametrize("end", [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
def test_ends_in_one_line_have_points_between_them_too(end: list[float]) -> None:
    points = between(np.array([1.0, 0, 0], np.float32), np.array(end, np.float32), 5)
    assert np.isfinite(points).all()
    steps = (points[1:] * points[:-1]).sum(axis=1)
    assert steps == pytest.approx(steps[0], abs=1e-6)


def jumps(terrain: Terrain, path: NDArray[np.int64]) -> NDArray[np.float64]:
    """Angles between neighbours on a path, 1 for a right one."""
    rows = np.vstack([terrain.start, terrain.candidates[path], terrain.end]).astype(np.float64)
    angles: NDArray[np.float64] = np.arccos(np.clip((rows[1:] * rows[:-1]).sum(axis=1), -1, 1)) / (np.pi / 2)
    return angles


def nearest_to_each_point(terrain: Terrain, steps: int) -> NDArray[np.int64]:
    """What somebody would write first: the nearest to each point that was not taken."""
    taken: list[int] = []
    for point in between(terrain.start, terrain.end, steps)[1:-1]:
        order = np.argsort(-(terrain.candidates @ point), kind="stable").tolist()
        taken.append(next(place for place in order if place not in taken))
    return np.array(taken)


def test_steps_are_nearly_even_and_smoother_than_the_nearest_to_each_point() -> None:
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for seed in range(20):
        terrains = ground(300, seed)
        for kept, path in (
            (ours, walk(Walk(terrains=terrains, steps=8, artists=[""] * 300))),
            (theirs, nearest_to_each_point(terrains[0], 8)),
        ):
            steps = jumps(terrains[0], path)
            kept.append((steps.max(), (steps**2).sum()))
            assert kept is theirs or steps.max() < 2 * steps.mean()
    (largest, rough), (naive_largest, naive_rough) = np.mean(ours, axis=0), np.mean(theirs, axis=0)
    assert largest < 0.9 * naive_largest
    assert rough < 0.8 * naive_rough


def test_a_path_leads_away_from_its_start_and_towards_its_end() -> None:
    terrain = ground(300, 4)[0]
    rows = terrain.candidates[walk(Walk(terrains=[terrain], steps=12, artists=[""] * 300))]
    towards = rows @ terrain.end - rows @ terrain.start
    assert np.corrcoef(towards, np.arange(10))[0, 1] > 0.8


def test_no_artist_takes_a_path_over_even_when_all_that_is_near_is_hers() -> None:
    terrain = ground(200, 1)[0]
    near = np.argsort(-(terrain.candidates @ (terrain.start + terrain.end)))
    artists = np.array([f"other{place}" for place in range(200)])
    artists[near[:180]] = "ann"
    path = walk(Walk(terrains=[terrain], steps=10, artists=artists.tolist(), per_artist=1))
    assert (artists[path] == "ann").sum() <= 1


def test_who_made_an_end_of_the_path_has_used_up_some_of_his_share() -> None:
    terrain = ground(60, 1)[0]
    artists = ["ann"] * 40 + [f"other{place}" for place in range(20)]
    asked = Walk(terrains=[terrain], steps=8, artists=artists, per_artist=2, ends=("ann", "ann"))
    assert all(place >= 40 for place in walk(asked).tolist())


def test_too_few_tracks_are_refused_with_their_number() -> None:
    terrains = ground(5, 0)
    with pytest.raises(Refused, match="needs 8 tracks"):
        walk(Walk(terrains=terrains, steps=10, artists=[""] * 5))
    with pytest.raises(Refused, match="needs 3 tracks"):
        walk(Walk(terrains=terrains, steps=5, artists=["ann"] * 5, per_artist=2))
    with pytest.raises(Refused, match="at least two steps"):
        walk(Walk(terrains=terrains, steps=1, artists=[""] * 5))


def test_every_track_is_used_where_there_are_just_enough() -> None:
    assert sorted(walk(Walk(terrains=ground(5, 0), steps=7, artists=[""] * 5))) == list(range(5))
