import numpy as np
import pytest
from numpy.typing import NDArray

from bench.evaluation import scores
from bench.evaluation.protocol import Piece, excerpt_starts

RANDOM = np.random.default_rng(0)


def piece(track: str, *, game: str = "game", version_group: str | None = None, alteration: str | None = None) -> Piece:
    return Piece(
        id=f"{alteration}:{track}",
        kind="altered" if alteration else "track",
        track=track,
        path="",
        start=0.0,
        seconds=100.0,
        game=game,
        album=game,
        composer=None,
        style=game,
        version_group=version_group,
        alteration=alteration,
        development=int(track) % 2 == 0,
    )


def vectors(count: int) -> NDArray[np.float64]:
    return scores.unit(RANDOM.standard_normal((count, 64)))


def test_excerpts_do_not_overlap_and_short_tracks_have_none() -> None:
    assert excerpt_starts(71.9) is None
    first, second = excerpt_starts(72.0) or (0.0, 0.0)
    assert first + 30 < second


def test_perfect_vectors_find_every_track() -> None:
    pieces, rows = [piece(str(number)) for number in range(20)], vectors(20)
    found = scores.same_track(rows, rows, pieces)
    assert (found.recall_1.value, found.recall_10.value, found.mrr) == (1, 1, 1)


def test_no_vector_is_no_answer() -> None:
    pieces, rows = [piece(str(number)) for number in range(20)], vectors(20)
    gallery = rows.copy()
    rows[3] = 0
    assert scores.same_track(rows, gallery, pieces).recall_1.value == pytest.approx(19 / 20)


def test_a_version_of_the_same_composition_is_neither_right_nor_wrong() -> None:
    rows = vectors(20)
    rows[1] = rows[0]
    alone = [piece(str(number)) for number in range(20)]
    grouped = [piece(str(number), version_group="fast and slow" if number < 2 else None) for number in range(20)]
    assert scores.same_track(rows, rows, alone).recall_1.value == pytest.approx(18 / 20)
    assert scores.same_track(rows, rows, grouped).recall_1.value == 1


def test_the_other_speed_counts_neither_for_recall_nor_for_the_threshold() -> None:
    tracks = [piece(str(number)) for number in range(20)]
    rows = vectors(20)
    copies = [piece(str(number), alteration="mp3_96") for number in range(20)]
    faster = [piece(str(number), alteration="faster_3pc") for number in range(20)]
    similarity = np.concatenate([rows, -rows]) @ rows.T
    found = scores.duplicates(similarity, [*copies, *faster], tracks)
    assert (found.recall, found.false_pairs) == (1, 0)
    assert found.found == {"faster_3pc": 0, "mp3_96": 1}


def test_neighbours_are_counted_by_class() -> None:
    tracks = [piece(str(number), game="rock" if number < 12 else "folk") for number in range(24)]
    rows = np.concatenate([np.tile([1.0, 0.1], (12, 1)), np.tile([0.1, 1.0], (12, 1))])
    found = scores.same_class(scores.unit(rows), tracks, "game", 11)
    assert found.precision.value == 1
    assert found.chance == pytest.approx(11 / 23)
