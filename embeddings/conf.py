"""Typed configuration, read from Django's settings when asked and never at import."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from embeddings.errors import Refused


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
    max_retries: int
    """Automatic attempts after the first, at most, whatever the kind of failure allows."""
    stall_seconds: float
    """A job in which nothing was settled for so long is said to be stalled; 0 for never."""
    sweep_seconds: int
    """How often an idle worker looks at the rows."""
    niceness: int
    """How far an embedding worker steps back for others on its machine, 0 to 19."""
    after: tuple[str, ...]
    """Dotted paths of what is called after each job; see `jobs.aftermath`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationConfig:
    """What an examination of a generation asks for."""

    coverage: float
    """Share of the present tracks that it has to hold, and of those that the live one holds."""
    sample: int
    """Tracks that are embedded again and compared."""
    seconds: float
    """Time that this may take; one track is compared however long it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NavidromeConfig:
    """How Navidrome, or another Subsonic server, is asked when it scanned last."""

    url: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingConfig:
    """When the catalogue and the vectors follow the library by themselves."""

    schedule: str
    """Cron expression of five fields, in UTC; empty for never."""
    gone_days: float
    """How long vectors are kept of a track whose file is gone; `MOST_DAYS` for good."""
    poll_seconds: int
    """How often Navidrome is asked; 0 when none is configured."""

    @property
    def wanted(self) -> bool:
        """Whether anything happens by itself at all."""
        return bool(self.schedule or self.poll_seconds)


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
    checkpoint_dir: Path | None
    """Folder of the text checkpoints that were trained for models; None for none."""
    use_stubs: bool = False
    """Whether models that no text reaches take vectors that mean nothing."""


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
        models=tuple(settings.MODELS),
        slice_size=settings.JOB_SLICE_SIZE,
        lease_seconds=settings.JOB_LEASE_SECONDS,
        max_retries=settings.JOB_MAX_RETRIES,
        stall_seconds=settings.JOB_STALL_SECONDS,
        sweep_seconds=max(1, settings.JOB_SWEEP_SECONDS),
        niceness=min(19, max(0, settings.WORKER_NICE)),
        after=tuple(settings.AFTER_JOB),
    )


def verification() -> VerificationConfig:
    """Configuration of examinations."""
    coverage, sample = min(1.0, settings.VERIFY_COVERAGE), max(1, settings.VERIFY_SAMPLE)
    return VerificationConfig(coverage=coverage, sample=sample, seconds=settings.VERIFY_SECONDS)


def retired_days() -> float:
    """How many days a generation is kept after it was retired; the one that a rollback goes to stays for good."""
    return bounded_days(settings.RETIRED_DAYS)


MOST_DAYS = 36_500.0
"""So long ago is never, and still a date."""


def bounded_days(value: float) -> float:
    """Days that can be counted back from today; what is no number takes nothing away."""
    return MOST_DAYS if math.isnan(value) else min(MOST_DAYS, max(0.0, float(value)))


def backups() -> Path:
    """Folder under which each exported generation gets a folder of its own."""
    return Path(settings.BACKUP_DIR)


def keeping() -> KeepingConfig:
    """Configuration of keeping the library in step."""
    polls = max(1, settings.NAVIDROME_POLL_SECONDS) if settings.NAVIDROME_URL else 0
    gone_days = bounded_days(settings.GONE_DAYS)
    return KeepingConfig(schedule=settings.SYNC_SCHEDULE, gone_days=gone_days, poll_seconds=polls)


def navidrome() -> NavidromeConfig:
    """Where Navidrome answers; only asked for where NAVIDROME_URL is set.

    Raises:
        Refused: NAVIDROME_PASSWORD_FILE cannot be read.

    """
    password, file = settings.NAVIDROME_PASSWORD, settings.NAVIDROME_PASSWORD_FILE
    if file and not password:
        try:
            password = Path(file).read_text().strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"NAVIDROME_PASSWORD_FILE={file} cannot be read: {error}.") from error
    return NavidromeConfig(url=settings.NAVIDROME_URL, user=settings.NAVIDROME_USER, password=password)


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
        timeout_seconds=max(1, settings.TEXT_TIMEOUT_SECONDS),
        queue_url=str(settings.RQ_QUEUES["text"]["URL"]),
        checkpoint_dir=Path(settings.TEXT_CHECKPOINT_DIR) if settings.TEXT_CHECKPOINT_DIR else None,
        use_stubs=settings.TEXT_USE_STUBS,
    )
