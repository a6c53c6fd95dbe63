"""Turns a file into blocks of samples at the rate a model asks for, in one pass and bounded memory."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import soundfile
import soxr
from av import FFmpegError

from embeddings.audio.cleaning import Cleaner
from embeddings.audio.ffmpeg import FfmpegSource
from embeddings.audio.mixing import Mixer
from embeddings.audio.opening import claimed_format, disk_failure, opened
from embeddings.audio.sndfile import SndfileSource
from embeddings.audio.source import Source
from embeddings.audio.summary import DecodeSummary
from embeddings.domain import Samples
from embeddings.errors import AudioTooLong, AudioUnreadable, NotAudio

_EXACT = frozenset({"alac", "ape", "flac", "tta", "wavpack"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """Bounds of decoding one file."""

    max_seconds: float
    """Longer audio is refused, by what decodes and not by what the header claims."""


def stream(path: str | bytes, *, rate: int, channels: Literal[1, 2], limits: DecodeLimits) -> "FileDecoding":
    """Decode a file: iterate the blocks, then read `summary`.

    Args:
        path: of the file; its name says nothing, its content decides.
        rate: Hz to deliver.
        channels: 1 for the mean of all channels, 2 for left and right.
        limits: what is too long.

    """
    return FileDecoding(path, rate=rate, channels=channels, limits=limits)


class FileDecoding:
    """One file being decoded in this process."""

    def __init__(self, path: str | bytes, *, rate: int, channels: Literal[1, 2], limits: DecodeLimits) -> None:
        self._path = path
        self._rate = rate
        self._channels: Literal[1, 2] = channels
        self._limits = limits
        self._summary: DecodeSummary | None = None

    def __iter__(self) -> Iterator[Samples]:
        """Blocks of bounded length: [n] mono or [n, 2] stereo float32, finite.

        Raises:
            TrackError: whatever is wrong with the file, in a sentence; also after some blocks.

        """
        with opened(self._path) as descriptor, closing(_open_source(descriptor)) as source:
            yield from self._blocks(source)

    @property
    def summary(self) -> DecodeSummary:
        """What the whole file turned out to be; there after the last block."""
        if self._summary is None:
            raise RuntimeError("the file has not been decoded to its end")
        return self._summary

    def _blocks(self, source: Source) -> Iterator[Samples]:
        cleaner, mixer, resampler = Cleaner(), Mixer(self._channels), _Resampler(self._rate, self._channels)
        seconds = 0.0
        for chunk in source.chunks():
            seconds += chunk.samples.shape[1] / chunk.rate
            if seconds > self._limits.max_seconds:
                raise AudioTooLong(f"It plays longer than {_duration(self._limits.max_seconds)}, the limit.")
            for samples, rate in mixer.add(replace(chunk, samples=cleaner.clean(chunk.samples))):
                yield from resampler.add(samples, rate)
        for samples, rate in mixer.rest():
            yield from resampler.add(samples, rate)
        yield from resampler.rest()
        self._summary = _summary(source, seconds, [*source.notes, *cleaner.notes, *mixer.notes])


class _Resampler:
    """soxr over a stream whose rate may change."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._source_rate = rate
        self._soxr: soxr.ResampleStream | None = None

    def add(self, samples: Samples, rate: int) -> Iterator[Samples]:
        if rate != self._source_rate:
            yield from self.rest()
            self._source_rate = rate
            if rate != self._rate:
                self._soxr = soxr.ResampleStream(rate, self._rate, self._channels, dtype="float32", quality="HQ")
        block = self._soxr.resample_chunk(np.ascontiguousarray(samples)) if self._soxr else samples
        if len(block):
            yield block

    def rest(self) -> Iterator[Samples]:
        if self._soxr:
            shape = (0,) if self._channels == 1 else (0, self._channels)
            block = self._soxr.resample_chunk(np.zeros(shape, np.float32), last=True)
            self._soxr = None
            if len(block):
                yield block


def _open_source(descriptor: int) -> Source:
    """The first reader that takes the file.

    Raises:
        TrackError: none does.

    """
    try:
        return FfmpegSource(descriptor)
    except FFmpegError as error:
        _raise_unless_refused(error)
    claimed = claimed_format(descriptor)
    if claimed:
        try:
            return SndfileSource(descriptor)
        except soundfile.LibsndfileError as error:
            sentence = f"It begins like {claimed}, but is cut off or damaged: it cannot be opened."
            raise AudioUnreadable(sentence) from error
    try:
        # An mp3 is found wherever its frames begin, if it is one.
        return FfmpegSource(descriptor, guess="mp3")
    except FFmpegError as error:
        _raise_unless_refused(error)
        raise NotAudio("The content is no audio of any known format.") from error


def _raise_unless_refused(error: FFmpegError) -> None:
    """Let through what is not about the file's content: no memory, a failing disk."""
    if isinstance(error, MemoryError):
        raise error
    failure = disk_failure(error) if isinstance(error, OSError) else None
    if failure:
        raise failure from error


def _summary(source: Source, seconds: float, notes: list[str]) -> DecodeSummary:
    claimed = source.claimed_seconds
    if source.bad_packets:
        plural = "packet was" if source.bad_packets == 1 else "packets were"
        notes.append(f"{source.bad_packets} damaged {plural} skipped.")
    if claimed and seconds < claimed - _tolerance(source.codec, claimed):
        notes.append(f"Sound is missing: {seconds:.1f} s decode, its header claims {claimed:.1f} s.")
    if claimed and seconds > claimed * 1.02 + 0.5:
        notes.append(f"It is longer than it says: {seconds:.1f} s decode, its header claims {claimed:.1f} s.")
    return DecodeSummary(
        codec=source.codec,
        source_rate=source.rate,
        source_channels=source.channels,
        seconds=seconds,
        claimed_seconds=claimed,
        bad_packets=source.bad_packets,
        warnings=tuple(notes),
    )


def _tolerance(codec: str, claimed: float) -> float:
    """How many seconds a sound file may lack: encoders that pad count their padding, lossless ones have none."""
    return 0.05 if codec in _EXACT else 0.2 + 0.001 * claimed


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds:.0f} seconds"
