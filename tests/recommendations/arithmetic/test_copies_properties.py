"""Recordings that are chosen once, as properties."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.arithmetic.diversity import Sound, choose
from tests.recommendations.arithmetic.choosing import alike, compared_each_time, recordings
from tests.recommendations.candidates import clustered


def test_one_recording_comes_once_by_its_name_its_id_or_its_sound() -> None:
    assert recordings("Song", "Song [feat. Bob]", "Other") == [0, 2]
    assert recordings("Song", "Lied", recording_mbid="a-b-c") == [0]
    assert recordings("Song", "Lied", sound=0.97) == [0]


def test_live_versions_and_remasters_stay_however_alike_they_sound() -> None:
    assert recordings("Song", "Song (Live)", "Song - Remastered 2011", sound=0.97) == [0, 1, 2]
    assert recordings("Song", "Song (Live)", recording_mbid="a-b-c") == [0, 1]


def test_copies_come_when_they_are_asked_for_and_copies_of_what_is_beside_do_not() -> None:
    vectors = np.tile(clustered(1, seed=0), (3, 1))
    asked = alike(3, sounds=[Sound(vectors=vectors, crowd=0.0)], relevance=np.array([0.9, 0.8, 0.7]))
    assert choose(asked).tolist() == [0]
    assert choose(replace(asked, versions=True)).tolist() == [0, 1, 2]
    assert choose(replace(asked, beside=[2])).tolist() == []


@pytest.mark.parametrize("diversity", [0.0, 0.1, 0.3, 0.7, 1.0])
def test_a_long_list_is_the_same_as_well(diversity: float) -> None:
    asked = alike(400, limit=150, diversity=diversity, per_artist=3)
    assert choose(asked).tolist() == compared_each_time(asked)
