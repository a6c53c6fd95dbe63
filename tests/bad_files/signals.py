"""Sound files without a fault, whose sound is unusual: too short, silent, cancelling, not finite."""

import struct

import numpy as np

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import RATE, Sound, encode, song, wav, written


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    _lengths(shelf)
    _channels(shelf)
    _formats(shelf)
    _numbers(shelf)
    _silences(shelf)
    return shelf.cases


def _lengths(shelf: Shelf) -> None:
    shelf.put("one_sample.wav", wav(np.full((1, 1), 0.5, np.float32)), "one sample", "audio_too_short")
    shelf.put("zero_samples.wav", wav(np.zeros((0, 2), np.float32)), "a header and no samples", "audio_empty")
    shelf.put("short_50ms.wav", wav(song(0.05)), "50 ms of sound", "audio_too_short")
    shelf.put("short_2s.wav", wav(song(2.0)), "two seconds of sound")


def _channels(shelf: Shelf) -> None:
    left = song()[:, :1]
    shelf.put("eight_channels.flac", encode(song(8, RATE, 8), "flac", "flac"), "eight channels (7.1)")
    shelf.put("sixteen_channels.wav", written(song(8, RATE, 16), "WAVEX", "PCM_16"), "sixteen channels")
    shelf.put("antiphase.wav", wav(np.hstack([left, -left])), "right = minus left: their mean is silence", warns=True)
    shelf.put("right_only.wav", wav(np.hstack([0 * left, left])), "sound in the right channel only")


def _formats(shelf: Shelf) -> None:
    mono = song(8, 8_000, 1)
    shelf.put("reference_44k.flac", encode(song(), "flac", "flac"), "the plain original of the others")
    shelf.put("hires_192k_24.flac", written(song(8, 192_000), "FLAC", "PCM_24", 192_000), "192 kHz, 24 bit")
    shelf.put("8k_mono_8bit.wav", written(mono, "WAV", "PCM_U8", 8_000), "8 kHz, mono, 8 bit")
    shelf.put("alaw.wav", written(mono, "WAV", "ALAW", 8_000), "A-law")
    shelf.put("int32.wav", written(song(), "WAV", "PCM_32"), "32-bit integers")
    shelf.put("double.wav", written(song(), "WAV", "DOUBLE"), "64-bit floats")
    shelf.put("aiff.aiff", written(song(), "AIFF", "PCM_16"), "AIFF")
    shelf.put("dsd.dsf", _dsf(), "DSD: one bit, 2.8 MHz")


def _numbers(shelf: Shelf) -> None:
    odd = song().copy()
    odd[1000::5000], odd[2000::7000], odd[3000::9000] = np.nan, np.inf, -np.inf
    glitch = song().copy()
    glitch[50_000] = 1e9
    shelf.put("nan_inf.wav", _floats(odd), "not-a-number and infinity among good samples", warns=True)
    shelf.put("all_nan.wav", _floats(song() * np.nan), "nothing but not-a-number", "audio_silent")
    shelf.put("huge_float.wav", _floats(song() * np.float32(1e30)), "samples 10^30 times too large", warns=True)
    shelf.put("one_huge_sample.wav", _floats(glitch), "one sample 10^9 times too large", warns=True)
    shelf.put("denormal_float.wav", _floats(song() * np.float32(1e-40)), "denormal samples (1e-40)", "audio_silent")
    shelf.put("clipped_square.wav", wav(np.sign(song())), "everything at full scale")


def _silences(shelf: Shelf) -> None:
    count = int(RATE * 8)
    noise = np.random.default_rng(1).integers(-1, 2, (count, 2)) / 32768
    gap = np.zeros((RATE * 40, 2), np.float32)
    gap[RATE * 25 : RATE * 33] = song()
    shelf.put(
        "silence.flac", encode(np.zeros((count, 2), np.float32), "flac", "flac"), "digital silence", "audio_silent"
    )
    shelf.put(
        "dc_only.wav", wav(np.full((count, 2), 0.5, np.float32)), "a constant, which nobody hears", "audio_silent"
    )
    shelf.put("dither_only.wav", wav(noise.astype(np.float32)), "the noise of the last bit", "audio_silent")
    shelf.put("hidden_track.flac", encode(gap, "flac", "flac"), "25 s of silence, then music, then silence")


def _floats(sound: Sound) -> bytes:
    content, channels = np.asarray(sound, "<f4").tobytes(), sound.shape[1]
    form = struct.pack("<HHIIHH", 3, channels, RATE, RATE * 4 * channels, 4 * channels, 32)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _dsf(seconds: int = 2) -> bytes:
    count = 2_822_400 * seconds
    wanted = 0.4 * np.sin(2 * np.pi * 440 * np.arange(count) / 2_822_400)
    # First-order sigma-delta: a one wherever the running sum passes a whole number.
    ones = np.diff(np.floor(np.cumsum((wanted + 1) / 2)), prepend=0) > 0
    plane = np.packbits(ones, bitorder="little").tobytes()
    plane += b"\x69" * (-len(plane) % 4096)
    content = b"".join(plane[at : at + 4096] * 2 for at in range(0, len(plane), 4096))
    form = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, count, 4096, 0)
    head = b"DSD " + struct.pack("<QQQ", 28, 28 + 52 + 12 + len(content), 0)
    return head + form + b"data" + struct.pack("<Q", 12 + len(content)) + content
