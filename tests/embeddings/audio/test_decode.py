"""Every codec comes out at its own level, length, pitch and side."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from embeddings.audio.decode import DecodeLimits, stream
from embeddings.audio.summary import DecodeSummary
from embeddings.domain import Samples
from embeddings.errors import AudioTooLong
from tests.bad_files.sound import Sound, encode, song, tone, wav, written

RATE = 44_100
SAMPLE = Path(__file__).parents[3] / "sample"

CODECS: dict[str, Callable[[Sound], bytes]] = {
    "mp3": lambda sound: encode(sound, "libmp3lame", "mp3", bit_rate=192_000),
    "flac": lambda sound: encode(sound, "flac", "flac"),
    "vorbis": lambda sound: written(sound, "OGG", "VORBIS"),
    "aac in m4a": lambda sound: encode(sound, "aac", "ipod", bit_rate=192_000),
    "aac in adts": lambda sound: encode(sound, "aac", "adts", bit_rate=192_000),
    "alac": lambda sound: encode(sound, "alac", "ipod"),
    "wav 16": wav,
    "wav 24": lambda sound: written(sound, "WAV", "PCM_24"),
    "wav 32": lambda sound: written(sound, "WAV", "PCM_32"),
    "wav float": lambda sound: written(sound, "WAV", "FLOAT"),
    "wav u8": lambda sound: written(sound, "WAV", "PCM_U8"),
    "aiff": lambda sound: written(sound, "AIFF", "PCM_16"),
    "wma": lambda sound: encode(sound, "wmav2", "asf", bit_rate=192_000),
    "wavpack": lambda sound: encode(sound, "wavpack", "wv"),
    "true audio": lambda sound: encode(sound, "tta", "tta"),
    "ac3": lambda sound: encode(sound, "ac3", "ac3", bit_rate=192_000),
    "matroska": lambda sound: encode(sound, "flac", "matroska"),
}


def decode(
    path: Path, *, rate: int = 24_000, channels: Literal[1, 2] = 1, max_seconds: float = 600
) -> tuple[Samples, DecodeSummary]:
    decoding = stream(str(path), rate=rate, channels=channels, limits=DecodeLimits(max_seconds=max_seconds))
    return np.concatenate(list(decoding)), decoding.summary


def pitch(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("codec", CODECS)
def test_a_tone_keeps_its_length_level_and_pitch(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "tone"
    path.write_bytes(CODECS[codec](tone(1000, 3, channels=2)))
    samples, summary = decode(path)
    # The longest frame of these codecs is that of mp3 at 1,152 and wma at 2,048 samples.
    assert len(samples) / 24_000 == pytest.approx(3, abs=0.06)
    assert summary.warnings == ()
    assert np.sqrt(np.mean(samples[12_000:60_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    assert pitch(samples[12_000:60_000], 24_000) == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("codec", CODECS)
def test_left_stays_left_and_mono_is_the_mean(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "sides"
    path.write_bytes(CODECS[codec](np.hstack([tone(1000, 2), tone(3000, 2)])))
    sides, _ = decode(path, rate=RATE, channels=2)
    middle, _ = decode(path, rate=RATE)
    assert pitch(sides[20_000:60_000, 0], RATE) == pytest.approx(1000, abs=2)
    assert pitch(sides[20_000:60_000, 1], RATE) == pytest.approx(3000, abs=2)
    assert np.allclose(middle, sides.mean(axis=1), atol=1e-5)


def test_opus_decodes_at_its_48_khz(tmp_path: Path) -> None:
    path = tmp_path / "tone.opus"
    path.write_bytes(encode(tone(1000, 3, 48_000, 2), "libopus", "ogg", rate=48_000, bit_rate=96_000))
    samples, summary = decode(path)
    assert (summary.codec, summary.source_rate) == ("opus", 48_000)
    assert len(samples) / 24_000 == pytest.approx(3, abs=0.03)
    assert pitch(samples[12_000:60_000], 24_000) == pytest.approx(1000, abs=1)


def test_lossless_at_its_own_rate_is_bit_exact(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(encode(song(), "flac", "flac"))
    samples, _ = decode(path, rate=RATE, channels=2)
    assert np.abs(samples - song()).max() <= 1 / 32768


def test_nothing_above_the_new_rate_folds_back(tmp_path: Path) -> None:
    path = tmp_path / "high.wav"
    path.write_bytes(wav(tone(15_000, 3)))
    samples, _ = decode(path)
    assert 20 * np.log10(np.sqrt(np.mean(samples[5000:-5000] ** 2))) < -90


def test_mono_as_stereo_is_the_same_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    path.write_bytes(wav(tone(1000, 2)))
    samples, _ = decode(path, rate=RATE, channels=2)
    assert samples.shape[1] == 2
    assert np.array_equal(samples[:, 0], samples[:, 1])


def test_surround_keeps_its_sides_and_its_centre(tmp_path: Path) -> None:
    surround = np.zeros((2 * RATE, 6), np.float32)
    surround[:, 0], surround[:, 1] = tone(500, 2)[:, 0], tone(700, 2)[:, 0]
    surround[:, 2], surround[:, 4] = tone(900, 2)[:, 0], tone(1100, 2)[:, 0]
    path = tmp_path / "surround.flac"
    path.write_bytes(encode(surround, "flac", "flac"))
    samples, _ = decode(path, rate=RATE, channels=2)
    left, right = (np.abs(np.fft.rfft(samples[:, side]))[[1000, 1400, 1800, 2200]] for side in (0, 1))
    assert left[0] > left[2] > 0.5 * left[0]
    assert np.allclose(left[1] / left[0], 0, atol=1e-3)
    assert left[3] > 0.5 * left[0]
    assert right[1] > right[2] > 0.5 * right[1]
    assert np.allclose(right[3] / right[1], 0, atol=1e-3)
    assert np.abs(samples).max() <= 1


def test_too_long_is_decided_by_what_decodes(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(tone(440, 5)))
    with pytest.raises(AudioTooLong, match="longer than 4 seconds"):
        decode(path, max_seconds=4)


def test_blocks_are_bounded_also_for_absurd_rates_and_channels(tmp_path: Path) -> None:
    for name, sound, rate in (("rate", tone(1000, 1, 768_000), 768_000), ("channels", tone(1000, 2, 8000, 32), 8000)):
        path = tmp_path / name
        path.write_bytes(written(sound, "WAVEX", "PCM_16", rate))
        decoding = stream(str(path), rate=48_000, channels=2, limits=DecodeLimits(max_seconds=600))
        assert max(block.nbytes for block in decoding) < 4 << 20


@pytest.mark.parametrize(
    "path", sorted(path for path in SAMPLE.rglob("*.*") if path.suffix != ".md"), ids=lambda p: p.name
)
def test_the_sample_decodes_without_a_complaint(path: Path) -> None:
    samples, summary = decode(path)
    assert summary.warnings == ()
    assert summary.seconds == pytest.approx(30, abs=1)
    assert 0.01 < np.sqrt(np.mean(samples**2)) < 0.5
