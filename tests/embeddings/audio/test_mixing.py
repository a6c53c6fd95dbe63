"""Channels become one or two without losing music, and every sample becomes a number of sane size."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from embeddings.audio.cleaning import Cleaner
from embeddings.audio.decode import DecodeLimits, stream
from embeddings.domain import Samples
from tests.bad_files.sound import RATE, Sound, song, wav, written

SILENCE = np.zeros((RATE * 20, 1), np.float32)


def mixed(tmp_path: Path, sound: Sound, channels: Literal[1, 2] = 1) -> tuple[Samples, tuple[str, ...]]:
    path = tmp_path / "sound.wav"
    path.write_bytes(written(sound, "WAV", "FLOAT"))
    decoding = stream(str(path), rate=RATE, channels=channels, limits=DecodeLimits(max_seconds=600))
    return np.concatenate(list(decoding)), decoding.summary.warnings


def test_channels_that_cancel_each_other_leave_one_of_them(tmp_path: Path) -> None:
    left = song()[:, :1]
    samples, warnings = mixed(tmp_path, np.hstack([left, -left]))
    assert np.allclose(np.abs(samples), np.abs(left[:, 0]), atol=1e-6)
    assert "cancel" in warnings[0]


def test_cancelling_is_found_behind_a_long_silence(tmp_path: Path) -> None:
    left = np.vstack([SILENCE, song()[:, :1], SILENCE])
    samples, warnings = mixed(tmp_path, np.hstack([left, -left]))
    assert np.allclose(np.abs(samples), np.abs(left[:, 0]), atol=1e-6)
    assert len(warnings) == 1


def test_cancelling_channels_stay_as_they_are_in_stereo(tmp_path: Path) -> None:
    left = song()[:, :1]
    sides = np.hstack([left, -left])
    samples, warnings = mixed(tmp_path, sides, 2)
    assert np.allclose(samples, sides, atol=1e-6)
    assert warnings == ()


@pytest.mark.parametrize("gains", [(1, 1), (0, 1), (1, 0.2), (1, -0.5)])
def test_other_channels_are_averaged(tmp_path: Path, gains: tuple[float, float]) -> None:
    sound = song()[:, :1] * np.array([gains], np.float32)
    samples, warnings = mixed(tmp_path, sound)
    assert np.allclose(samples, sound.mean(axis=1), atol=1e-6)
    assert warnings == ()


def test_the_order_survives_holding_back(tmp_path: Path) -> None:
    music = song()[:, :1]
    sound = np.repeat(np.vstack([SILENCE, music[: RATE * 3 // 5], SILENCE[: RATE * 2], music]), 2, axis=1)
    samples, _ = mixed(tmp_path, sound)
    assert np.allclose(samples, sound[:, 0], atol=1e-6)


def test_what_is_no_number_becomes_silence_and_the_rest_stays() -> None:
    odd = song().T.copy()
    odd[0, 10], odd[1, 20], odd[0, 30] = np.nan, np.inf, -np.inf
    clean = Cleaner().clean(odd)
    good = np.isfinite(odd)
    assert np.array_equal(clean[good], odd[good])
    assert not clean[~good].any()


def test_huge_sound_is_scaled_down_as_a_whole() -> None:
    cleaner, plain = Cleaner(), song().T
    parts = [cleaner.clean(part) for part in np.array_split(plain * np.float32(1e30), 4, axis=1)]
    clean = np.hstack(parts)
    assert np.abs(clean).max() <= 1
    assert np.corrcoef(clean[0], plain[0])[0, 1] > 0.99


def test_one_huge_sample_does_not_silence_the_others() -> None:
    glitch = song().T.copy()
    glitch[0, 100] = 1e9
    clean = Cleaner().clean(glitch)
    assert clean[0, 100] == 1
    assert np.array_equal(clean[0, 101:], glitch[0, 101:])


def test_sound_a_little_over_full_scale_is_left_as_it_is() -> None:
    loud = song().T * np.float32(2)
    cleaner = Cleaner()
    assert cleaner.clean(loud) is loud
    assert cleaner.notes == []


def test_denormals_become_zero() -> None:
    assert not Cleaner().clean(song().T * np.float32(1e-40)).any()


def test_sixteen_bit_silence_stays_silence(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav(np.repeat(SILENCE, 2, axis=1)))
    decoding = stream(str(path), rate=24_000, channels=1, limits=DecodeLimits(max_seconds=600))
    assert not any(block.any() for block in decoding)
