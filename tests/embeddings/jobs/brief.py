"""A library of a few seconds, for tests in which it matters that tracks are embedded and not what they sound like."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bad_files.sound import wav

TRACKS = 4
RATE = 22_050


@pytest.fixture
def brief(tmp_path: Path, settings: Any) -> Path:
    """A music folder of our own with four tracks of two seconds: notes of a seed of their own each."""
    folder = tmp_path / "brief"
    folder.mkdir()
    for number in range(TRACKS):
        random = np.random.default_rng(number)
        seconds = np.arange(2 * RATE) / RATE
        notes = sum(np.sin(2 * np.pi * frequency * seconds) for frequency in random.uniform(100, 4000, size=4))
        sound = 0.1 * notes + 0.01 * random.standard_normal(seconds.size)
        (folder / f"{number}.wav").write_bytes(wav(sound[:, None].astype(np.float32), RATE))
    settings.MUSIC = str(folder)
    return folder
