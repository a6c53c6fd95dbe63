"""Altered copies of tracks, as they turn up in real collections; written by ffmpeg."""

import hashlib
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.evaluation.protocol import Piece, Track, altered_piece
from bench.library.render import probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """One way to alter a file."""

    filter: str | None
    coding: tuple[str, ...]
    extension: str


_MP3_128 = ("-c:a", "libmp3lame", "-b:a", "128k")
ALTERATIONS = {
    "mp3_96": Alteration(filter=None, coding=("-c:a", "libmp3lame", "-b:a", "96k"), extension="mp3"),
    "opus_64": Alteration(filter=None, coding=("-c:a", "libopus", "-b:a", "64k", "-ar", "48000"), extension="opus"),
    "quiet_12db": Alteration(filter="volume=-12dB", coding=_MP3_128, extension="mp3"),
    "trim_2s": Alteration(filter="atrim=start=2.0,asetpts=PTS-STARTPTS", coding=_MP3_128, extension="mp3"),
    "pad_4s": Alteration(filter="adelay=4000:all=1,apad=pad_dur=3", coding=_MP3_128, extension="mp3"),
    "mono_22k": Alteration(
        filter=None, coding=("-c:a", "libmp3lame", "-b:a", "64k", "-ac", "1", "-ar", "22050"), extension="mp3"
    ),
    "eq_tilt": Alteration(
        filter="bass=g=6,treble=g=-6,volume=-8dB", coding=("-c:a", "aac", "-b:a", "128k"), extension="m4a"
    ),
    "faster_3pc": Alteration(
        filter="aresample=44100,asetrate=44100*1.03,aresample=44100", coding=_MP3_128, extension="mp3"
    ),
}


def write_copies(tracks: Sequence[Track], folder: Path) -> list[Piece]:
    """Every track in every alteration; copies that exist already are kept.

    Raises:
        subprocess.CalledProcessError: ffmpeg fails; its stderr says why.

    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(track, name) for track in tracks for name in ALTERATIONS]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: _copy(pair[0], pair[1], folder), wanted))


def alter(source: Path, target: Path, name: str) -> None:
    """Write one altered copy; it appears under its name only when complete."""
    alteration = ALTERATIONS[name]
    partial = target.with_name(f"partial.{target.name}")
    chain = ["-af", alteration.filter] if alteration.filter else []
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-map", "0:a:0"]
    command += ["-map_metadata", "-1", *chain, *alteration.coding, str(partial)]
    subprocess.run(command, check=True, capture_output=True)
    partial.rename(target)


def _copy(track: Track, name: str, folder: Path) -> Piece:
    stem = hashlib.sha1(track.key.encode(), usedforsecurity=False).hexdigest()[:12]
    target = folder / f"{stem}.{name}.{ALTERATIONS[name].extension}"
    if not target.exists():
        alter(track.path, target, name)
    found = probe(target)
    return altered_piece(track, name, target, found.seconds if found else 0.0)
