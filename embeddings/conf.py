"""Typed configuration, read from Django's settings when asked and never at import."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioConfig:
    """Bounds of decoding."""

    max_seconds: float
    """Longer audio is refused as `audio_too_long`."""
    stall_seconds: float
    """A decoder silent for longer is killed."""
    memory_mb: int
    """Memory that one decoding child may take for itself."""
    decoders: int
    """Decoding children of one worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryConfig:
    """Where the music is: Navidrome's database, a folder, or the sample that ships with the project."""

    navidrome_db: Path | None
    path_map: tuple[tuple[str, str], ...]
    """Navidrome's path prefix and ours, longest first."""
    music: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """How the vector store is reached."""

    uri: str
    token: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """How work is divided."""

    models: tuple[str, ...]
    """Models of a job that names none."""
    slice_size: int
    lease_seconds: float


def audio() -> AudioConfig:
    """Configuration of decoding."""
    return AudioConfig(
        max_seconds=settings.AUDIO_MAX_SECONDS,
        stall_seconds=settings.AUDIO_STALL_SECONDS,
        memory_mb=settings.AUDIO_MEMORY_MB,
        decoders=settings.AUDIO_DECODERS or min(8, len(os.sched_getaffinity(0))),
    )


def library() -> LibraryConfig:
    """Configuration of the music source.

    NAVIDROME_PATH_MAP reads `/music=/mnt/music,/podcasts=/srv/podcasts`.
    """
    pairs = [entry.partition("=") for entry in settings.NAVIDROME_PATH_MAP.split(",") if "=" in entry]
    return LibraryConfig(
        navidrome_db=Path(settings.NAVIDROME_DB) if settings.NAVIDROME_DB else None,
        path_map=tuple(sorted(((a.strip(), b.strip()) for a, _, b in pairs), key=lambda pair: -len(pair[0]))),
        music=Path(settings.MUSIC or settings.SAMPLE_MUSIC),
    )


def store() -> StoreConfig:
    """Configuration of the vector store."""
    return StoreConfig(
        uri=settings.MILVUS_URI, token=settings.MILVUS_TOKEN, timeout_seconds=settings.MILVUS_TIMEOUT_SECONDS
    )


def jobs() -> JobConfig:
    """Configuration of the job engine."""
    return JobConfig(
        models=tuple(settings.MODELS), slice_size=settings.JOB_SLICE_SIZE, lease_seconds=settings.JOB_LEASE_SECONDS
    )
