"""Typed configuration, read from Django's settings when asked and never at import."""

import os
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Where models run and where their checkpoints lie."""

    device: str
    """`auto`, `cpu`, `cuda`, `cuda:1`."""
    precision: str
    """`auto`, or a value of `domain.Precision`."""
    checkpoints: Mapping[str, Path]
    """Local checkpoint folders by key of a spec; models that are not named come from the hub's cache."""
    max_gpu_memory_gb: float
    """What a model and its batches may take of a GPU; 0 leaves it to the GPU."""
    idle_seconds: float
    """A model that nothing was asked of for so long is unloaded."""
    digests: Path
    """File that remembers the digests of checkpoint files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """How prompts are turned into vectors."""

    timeout_seconds: int
    """How long a prompt waits for a text worker."""
    queue_url: str
    """Where the queue of prompts is."""


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


LEAST_IDLE_SECONDS = 30.0


def models() -> ModelConfig:
    """Configuration of models; MODEL_IDLE_SECONDS under half a minute would reload between two slices."""
    return ModelConfig(
        device=settings.DEVICE,
        precision=settings.PRECISION,
        checkpoints={key: Path(folder) for key, folder in settings.CHECKPOINTS.items() if folder},
        max_gpu_memory_gb=settings.MAX_GPU_MEMORY_GB,
        idle_seconds=max(LEAST_IDLE_SECONDS, settings.MODEL_IDLE_SECONDS),
        digests=Path(settings.DIGESTS_FILE),
    )


def texts() -> TextConfig:
    """Configuration of prompts."""
    return TextConfig(
        timeout_seconds=max(1, settings.TEXT_TIMEOUT_SECONDS), queue_url=str(settings.RQ_QUEUES["text"]["URL"])
    )
