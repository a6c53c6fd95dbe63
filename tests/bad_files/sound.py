"""The sound in the files: a small chord loop, and encoders for it that need no program."""

import io
import wave
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import soundfile
from av.container import OutputContainer
from numpy.typing import NDArray

RATE = 44_100
SECONDS = 8.0
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}

Sound = NDArray[np.float32]
"""[n, channels] float32."""


@cache
def song(seconds: float = SECONDS, rate: int = RATE, channels: int = 2) -> Sound:
    """Chords with decay and noise hits: enough like music to have a timbre, a rhythm and a key."""
    rng = np.random.default_rng(1)
    mono = np.zeros(int(seconds * rate))
    for beat, first in enumerate(range(0, len(mono), rate // 2)):
        part = mono[first : first + rate // 2]
        time = np.arange(len(part)) / rate
        for note in ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))[beat // 4 % 4]:
            pitch = 440 * 2 ** ((note - 69) / 12)
            for harmonic in (1, 2, 3):
                part += np.exp(-3 * time) * np.sin(2 * np.pi * pitch * harmonic * time) / harmonic
        if beat % 2:
            part += rng.normal(size=len(time)) * np.exp(-30 * time)
    spread = np.stack([np.roll(mono, int(channel * rate * 0.0007)) for channel in range(channels)], axis=1)
    scaled: Sound = (spread / np.abs(spread).max() * 0.7).astype(np.float32)
    return scaled


def tone(frequency: float, seconds: float, rate: int = RATE, channels: int = 1) -> Sound:
    """A sine of half the full scale."""
    sine = 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    return np.repeat(sine[:, None], channels, axis=1).astype(np.float32)


def encode(
    sound: Sound,
    codec: str,
    container: str,
    *,
    rate: int = RATE,
    bit_rate: int = 0,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A whole file."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "sound"
        with av.open(str(target), "w", format=container, options=dict(options or {})) as output:
            stream = add_stream(output, codec, sound.shape[1], rate=rate, bit_rate=bit_rate)
            write_sound(output, stream, sound)
        return target.read_bytes()


def add_stream(
    output: OutputContainer, codec: str, channels: int, *, rate: int = RATE, bit_rate: int = 0
) -> av.AudioStream:
    """One more stream of an open file; all of them have to be there before the first sound is written."""
    stream = output.add_stream(codec, rate=rate, layout=_LAYOUTS[channels])
    assert isinstance(stream, av.AudioStream)
    if bit_rate:
        stream.bit_rate = bit_rate
    formats = [entry.name for entry in stream.codec_context.codec.audio_formats or ()]
    stream.format = next((name for name in ("s16", "s16p", "fltp") if name in formats), formats[0])
    stream.codec_context.open()
    return stream


def write_sound(output: OutputContainer, stream: av.AudioStream, sound: Sound) -> None:
    """Encode a sound into a stream, to its end."""
    rate, layout = stream.sample_rate, stream.layout.name
    size = stream.codec_context.frame_size or 4096
    convert = av.AudioResampler(format=stream.format.name, rate=rate, frame_size=size)
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    for part in [*convert.resample(frame), *convert.resample(None), None]:
        output.mux(stream.encode(part))


def wav(sound: Sound, rate: int = RATE) -> bytes:
    """16-bit PCM."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return target.getvalue()


def written(sound: Sound, container: str, subtype: str, rate: int = RATE) -> bytes:
    """A file by libsndfile, for what FFmpeg has no encoder for (Vorbis) or only libsndfile writes as it is."""
    target = io.BytesIO()
    soundfile.write(target, sound, rate, format=container, subtype=subtype)
    return target.getvalue()


@cache
def song_wav() -> bytes:
    """The song as wav."""
    return wav(song())


@cache
def song_mp3() -> bytes:
    """The song as mp3 of constant bit rate, with an Info header and without tags."""
    return encode(song(), "libmp3lame", "mp3", bit_rate=128_000, options={"id3v2_version": "0"})


@cache
def song_flac() -> bytes:
    """The song as flac."""
    return encode(song(), "flac", "flac")


@cache
def song_ogg() -> bytes:
    """The song as Vorbis."""
    return written(song(), "OGG", "VORBIS")


@cache
def song_m4a(*, index_first: bool = False) -> bytes:
    """The song as AAC, its index at the end or at the start."""
    options = {"movflags": "+faststart"} if index_first else {}
    return encode(song(), "aac", "ipod", bit_rate=128_000, options=options)
