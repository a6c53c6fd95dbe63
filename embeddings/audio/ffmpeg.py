"""Reads whatever the FFmpeg inside PyAV reads, from an open descriptor and from nothing else."""

import os
from collections.abc import Iterator

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from embeddings.audio.opening import claimed_format, disk_failure, is_cut_off, mp3_seconds
from embeddings.audio.packing import Packer, new_packer
from embeddings.audio.source import MAX_CHANNELS, RATES, Chunk
from embeddings.errors import AudioEmpty, AudioUnreadable, NotAudio, TrackError

# Formats that hold sound, or a film with sound. Playlists, scripts and whatever else makes FFmpeg open
# a second file or an address are not among them, and `fd` is the only way it may open anything at all.
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,dts,dtshd,eac3,flac,iff,matroska,mov,mp3,mpc,mpc8,ogg,oma,shn,tak,truehd,"
    "tta,w64,wav,wv"
)
_GOOD_RUN = 10
"""Packets that decode one after the other before a doubtful stream counts as sound: random bytes manage two."""

_GIVE_UP = 5_000
"""Packets, some 30 MB, after which a guess without a good run counts as wrong."""

_NO_AUDIO = "The content is no audio: no stretch of it decodes as sound."
_PROTECTED = frozenset({"drms", "enca", "p608", "aavd"})


class FfmpegSource:
    """The sound of one open file; see `Source`."""

    def __init__(self, descriptor: int, *, guess: str | None = None) -> None:
        """Open the file.

        Args:
            descriptor: of a regular file; stays the caller's.
            guess: a format to take for granted, for content without a recognisable beginning.

        Raises:
            FFmpegError: no format that we know.
            TrackError: a format that we know, with no sound in it or a header that cannot be true.

        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        options = {"fd": str(descriptor), "protocol_whitelist": "fd", "format_whitelist": FORMATS}
        self._container: InputContainer = av.open("fd:", format=guess, options=options, metadata_errors="ignore")
        self._signed = guess is None and claimed_format(descriptor) is not None
        self._guessed = guess is not None
        self._stream = _sound_stream(self._container)
        context = self._stream.codec_context
        context.thread_count = 1  # as many files as cores are decoded side by side
        self.codec = context.codec.canonical_name
        self.rate, self.channels = context.sample_rate, context.layout.nb_channels
        self._require_plausible(context.codec_tag)
        self.claimed_seconds = self._claim(descriptor)
        self.bad_packets = 0
        self.notes = ["The file is cut off: its end is missing."] if is_cut_off(descriptor) else []
        self._good_packets = 0
        self._longest_run = 0

    def chunks(self) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        packer: Packer | None = None
        for frame in self._frames():
            if packer is None or not packer.fits(frame):
                if packer is not None:
                    yield from packer.rest()
                    self._note("The sample rate or the channels change midway.")
                packer = new_packer(frame)
            yield from packer.add(frame)
        if packer is not None:
            yield from packer.rest()
        failure = self._verdict()
        if failure:
            raise failure

    def close(self) -> None:
        """Free what FFmpeg holds."""
        self._container.close()

    def _frames(self) -> Iterator[AudioFrame]:
        """Frames of all packets that decode; the others are counted."""
        packets, run = self._container.demux(self._stream), 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self._stopped(error)
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self.bad_packets += 1
                run = 0
                if self._guessed and not self._longest_run >= _GOOD_RUN and self.bad_packets > _GIVE_UP:
                    return
                continue
            if frames:
                run += 1
                self._good_packets += 1
                self._longest_run = max(self._longest_run, run)
                yield from frames

    def _stopped(self, error: av.FFmpegError) -> None:
        """Reading on is impossible: the disk's fault, or damage after which nothing is found any more."""
        if isinstance(error, MemoryError):
            raise error
        failure = disk_failure(error) if isinstance(error, OSError) else None
        if failure:
            raise failure from error
        self._note("The file is damaged: what comes after the damage cannot be read.")

    def _verdict(self) -> TrackError | None:
        good, bad = self._good_packets, self.bad_packets
        if not good and not bad:
            return AudioEmpty("The file holds no sound: its audio stream is empty.")
        if self._longest_run >= _GOOD_RUN or (good > bad and not self._guessed):
            return None
        if not self._signed:
            return NotAudio(_NO_AUDIO)
        return AudioUnreadable(f"{bad} of its {good + bad} packets do not decode: damaged, or protected by DRM.")

    def _require_plausible(self, tag: str) -> None:
        plausible = self.rate in RATES and 1 <= self.channels <= MAX_CHANNELS
        if tag in _PROTECTED:
            raise AudioUnreadable("The file is protected by DRM: only the shop's own player can decode it.")
        if not plausible and self._signed:
            raise AudioUnreadable(
                f"Its header is damaged: it claims {self.channels} channels of {self.rate} samples per second."
            )
        if not plausible:
            raise NotAudio(_NO_AUDIO)

    def _claim(self, descriptor: int) -> float | None:
        if self._container.format.name == "mp3":
            return mp3_seconds(descriptor, self.rate)
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / av.time_base if self._container.duration else None

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def _sound_stream(container: InputContainer) -> AudioStream:
    found = container.streams.best("audio") or next(iter(container.streams.audio), None)
    if not isinstance(found, AudioStream):
        raise NotAudio("There is no sound in this file, only pictures or other content.")
    return found
