"""Reads what libsndfile reads, for the few sound files that FFmpeg refuses (oggs with odd headers)."""

import os
from collections.abc import Iterator

import numpy as np
import soundfile

from embeddings.audio.source import MAX_CHANNELS, RATES, Chunk, chunk_frames
from embeddings.errors import AudioEmpty

# Formats with a signature. For MP3 and raw samples libsndfile takes almost anything for sound.
_FORMATS = frozenset({"AIFF", "CAF", "FLAC", "OGG", "RF64", "W64", "WAV", "WAVEX"})


class SndfileSource:
    """The sound of one open file; see `Source`."""

    def __init__(self, descriptor: int) -> None:
        """Open the file.

        Args:
            descriptor: of a regular file; stays the caller's.

        Raises:
            soundfile.LibsndfileError: libsndfile refuses it too, or it is of a format without a signature.

        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        self._file = soundfile.SoundFile(descriptor, closefd=False)
        plausible = self._file.samplerate in RATES and self._file.channels <= MAX_CHANNELS
        if self._file.format not in _FORMATS or not plausible:
            self._file.close()
            raise soundfile.LibsndfileError(1)
        self.codec = self._file.subtype.lower()
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        # Its own count of frames is a guess for damaged and streamed files.
        self.claimed_seconds: float | None = None
        self.bad_packets = 0
        self.notes: list[str] = []

    def chunks(self) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        count, empty = chunk_frames(self.channels), True
        while True:
            try:
                block = self._file.read(count, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                self.bad_packets += 1
                self.notes.append("The file is damaged: what comes after the damage cannot be read.")
                break
            if not len(block):
                break
            empty = False
            yield Chunk(samples=np.asarray(block, np.float32).T, rate=self.rate, positions=())
        if empty:
            raise AudioEmpty("The file holds no sound: its audio stream is empty.")

    def close(self) -> None:
        """Free what libsndfile holds."""
        self._file.close()
