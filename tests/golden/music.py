"""Makes files of chosen lengths, rates and channels out of the sample's music."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from embeddings.audio.decoders import Decoder
from embeddings.domain import EmbedderSpec, Samples, TrackRef
from tests.embeddings.embedders.listening import sample_tracks


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file."""

    name: str
    seconds: float
    rate: int
    channels: int


# Four minutes and a bit: its last windows end with it, where those of twenty minutes fit.
CASES = {
    case.name: case
    for case in (
        Case(name="3-s.wav", seconds=3, rate=44_100, channels=1),
        Case(name="29-s.flac", seconds=29, rate=48_000, channels=2),
        Case(name="119-s.flac", seconds=119, rate=96_000, channels=2),
        Case(name="121-s.wav", seconds=121, rate=44_100, channels=1),
        Case(name="4-min.flac", seconds=247, rate=44_100, channels=2),
        Case(name="20-min.flac", seconds=1200, rate=22_050, channels=1),
    )
}


def write_cases(folder: Path, decoder: Decoder) -> None:
    """Write every case; the shorter ones begin at different places of the same music."""
    tracks = [decoded(decoder, path, rate=44_100, channels=2) for path in sample_tracks()]
    # Twelve minutes of music, and the same tracks in another order.
    music = np.concatenate([*tracks, *tracks[::-1]])
    for number, case in enumerate(CASES.values()):
        start = 0 if case.seconds > 600 else number * 100 * 44_100
        part = music[start : start + round(case.seconds * 44_100)]
        part = part if case.channels == 2 else part.mean(axis=1)
        if case.rate != 44_100:
            part = soxr.resample(part, 44_100, case.rate)
        soundfile.write(folder / case.name, part, case.rate, "PCM_16")


def ref(folder: Path, name: str) -> TrackRef:
    """The file as the pipeline takes it."""
    return TrackRef(
        id=name, root=str(folder), path=name, name=name, library_id=1, artist_key="", album_key="", signature="1"
    )


def decoded(decoder: Decoder, path: Path, *, rate: int, channels: Literal[1, 2]) -> Samples:
    """A whole file as the product decodes it."""
    with decoder.decode(str(path.parent), path.name, rate=rate, channels=channels) as decoding:
        return np.concatenate(list(decoding))


def independently_decoded(path: Path, spec: EmbedderSpec) -> Samples:
    """A whole file read by libsndfile, mixed by its mean and resampled in one piece."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mixed = samples.mean(axis=1) if spec.channels == 1 else samples[:, [0, -1]]
    resampled: NDArray[np.float32] = soxr.resample(mixed, rate, spec.sample_rate, quality="HQ")
    return resampled
