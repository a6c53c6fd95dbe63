"""Makes one file of the library: copies it, or plays a module or MIDI file, and writes its tags."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import mutagen

ENCODERS = {
    "flac": ("-c:a", "flac", "-compression_level", "5", "-sample_fmt", "s16"),
    "mp3": ("-c:a", "libmp3lame", "-q:a", "2", "-id3v2_version", "4"),
    "m4a": ("-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"),
}
MODULES = (".it", ".s3m", ".xm", ".mod")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file's header says."""

    seconds: float
    codec: str
    tags: dict[str, str]


REFUSED = "refused by FFmpeg"
"""Codec of files that other decoders play: three of HyperRogue's have a Vorbis header that FFmpeg does not accept."""


def probe(path: Path) -> Probe | None:
    """Read the header; None for what is no sampled audio (MIDI, modules)."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            stream = container.streams.audio[0]
            seconds = float((container.duration or 0) / av.time_base)
            tags = {key.lower(): value for key, value in {**container.metadata, **stream.metadata}.items()}
            return Probe(seconds=seconds, codec=stream.codec_context.name, tags=tags)
    except (av.FFmpegError, IndexError):
        return _probe_by_tags(path)


def _probe_by_tags(path: Path) -> Probe | None:
    try:
        audio = mutagen.File(path)
    except mutagen.MutagenError:
        return None
    if audio is None or not audio.info.length:
        return None
    tags = {key.lower(): str(value[0]) for key, value in (audio.tags or {}).items() if value}
    return Probe(seconds=audio.info.length, codec=REFUSED, tags=tags)


def make(source: Path, target: Path, tags: dict[str, str], *, soundfont: Path | None) -> None:
    """Write `target` from `source`; appears under its name only when complete.

    Raises:
        subprocess.CalledProcessError: fluidsynth or ffmpeg fails.

    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = source.with_name(f"{source.stem}.new{target.suffix}")
    if source.suffix == ".mid":
        wave = source.with_suffix(".wav")
        _run("fluidsynth", "-ni", "-q", "-g", "0.6", "-r", "44100", "-T", "wav", "-F", wave, soundfont, source)
        _encode(wave, partial)
        wave.unlink()
    elif source.suffix in MODULES:
        _encode(source, partial)
    else:
        shutil.copyfile(source, partial)
    _write_tags(partial, tags)
    partial.chmod(0o644)
    shutil.move(partial, target)


def _encode(source: Path, target: Path) -> None:
    exact = ("-fflags", "+bitexact", "-flags:a", "+bitexact")
    coding = ENCODERS[target.suffix[1:]]
    _run("ffmpeg", "-v", "error", "-y", "-i", source, "-map_metadata", "-1", "-ar", "44100", *exact, *coding, target)


def _write_tags(path: Path, tags: dict[str, str]) -> None:
    audio = mutagen.File(path, easy=True)
    if audio.tags is None:
        audio.add_tags()
    for key, value in tags.items():
        audio[key] = [value]
    audio.save()


def _run(*command: str | Path | None) -> None:
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, capture_output=True)
