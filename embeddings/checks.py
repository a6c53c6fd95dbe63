"""System checks: what would otherwise fail in the middle of a job is said at the start."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name

from embeddings import conf
from embeddings.domain import EmbedderSpec, Precision
from embeddings.embedders import SPECS
from embeddings.embedders.trained_files import is_there, weights_path
from embeddings.jobs.moments import problem_of
from embeddings.store.base import MAX_DIMENSION

QUEUES = ("control", "embed", "text")
LEAST_MEMORY_MB = 256
DEVICES = "auto|cpu|cuda|cuda:[0-9]{1,3}"
PRECISIONS = ("auto", *get_args(Precision))


@register()
def check_configuration(**_options: Any) -> list[CheckMessage]:
    """Refuse models that do not exist, queues that are missing, and bounds that nothing could live within."""
    found: list[CheckMessage] = []
    hint = f"MODELS takes some of {', '.join(SPECS)}."
    chosen = conf.jobs().models
    unknown = [name for name in chosen if name not in SPECS]
    found += [Error(f"There is no model {name!r}.", hint=hint, id="embeddings.E001") for name in unknown]
    if not chosen:
        found.append(Error("MODELS names no model.", hint=hint, id="embeddings.E001"))
    missing = [name for name in QUEUES if name not in settings.RQ_QUEUES]
    if missing:
        found.append(Error(f"RQ_QUEUES lacks {', '.join(missing)}.", id="embeddings.E002"))
    if conf.audio().memory_mb < LEAST_MEMORY_MB:
        message = f"AUDIO_MEMORY_MB is {conf.audio().memory_mb}; decoding needs {LEAST_MEMORY_MB} at least."
        found.append(Error(message, id="embeddings.E003"))
    return found


@register()
def check_models(**_options: Any) -> list[CheckMessage]:
    """Refuse a device or a precision that is none, and warn of checkpoint folders that are not there."""
    config = conf.models()
    # Only a warning: a machine that serves the web may well be told of folders that its workers have.
    absent = [
        Warning(f"{key.upper()}_CHECKPOINT is no folder here: {folder}", id="embeddings.W001")
        for key, folder in config.checkpoints.items()
        if not folder.is_dir()
    ]
    return [*device_errors(config), *absent, *_text_warnings(conf.texts().checkpoint_dir)]


def _text_warnings(folder: Path | None) -> list[CheckMessage]:
    # Only a warning, here as well.
    if folder is None or any(is_there(folder, key) for key in SPECS):
        return []
    lacking = f"holds no {weights_path(folder, '<model>').name}" if folder.is_dir() else "is no folder here"
    return [Warning(f"TEXT_CHECKPOINT_DIR {lacking}: {folder}", id="embeddings.W002")]


def device_errors(config: conf.ModelConfig) -> list[CheckMessage]:
    """Say what is wrong with DEVICE, PRECISION and MAX_GPU_MEMORY_GB."""
    found: list[CheckMessage] = []
    if not re.fullmatch(DEVICES, config.device):
        message = f"DEVICE={config.device} is no device; choose auto, cpu, cuda, or one GPU of several: cuda:1."
        found.append(Error(message, id="embeddings.E004"))
    if config.precision not in PRECISIONS:
        message = f"PRECISION={config.precision} is no precision; choose from {', '.join(PRECISIONS)}."
        found.append(Error(message, id="embeddings.E005"))
    elif config.precision != "auto":
        found += [_precision_error(spec, config.precision) for spec in _chosen() if _unable(spec, config.precision)]
    if config.max_gpu_memory_gb < 0:
        message = f"MAX_GPU_MEMORY_GB={config.max_gpu_memory_gb} is less than nothing; 0 sets no limit."
        found.append(Error(message, id="embeddings.E006"))
    return found


def _chosen() -> list[EmbedderSpec]:
    return [SPECS[key] for key in conf.jobs().models if key in SPECS]


def _unable(spec: EmbedderSpec, precision: str) -> bool:
    # A model without weights is computed in its own way, whatever the others are computed in.
    return bool(spec.checkpoint) and precision not in spec.precisions


def _precision_error(spec: EmbedderSpec, precision: str) -> CheckMessage:
    message = f"The model {spec.key} is not computed in PRECISION={precision}; choose from "
    return Error(f"{message}{', '.join(('auto', *spec.precisions))}.", id="embeddings.E005")


@register()
def check_keeping(**_options: Any) -> list[CheckMessage]:
    """Refuse a schedule that is none, and a Navidrome that nobody could ask."""
    found: list[CheckMessage] = []
    if settings.SYNC_SCHEDULE and (problem := problem_of(settings.SYNC_SCHEDULE)):
        hint = "Such as SYNC_SCHEDULE='0 4 * * *' for every day at four o'clock UTC, or SYNC_SCHEDULE= for never."
        found.append(Error(f"SYNC_SCHEDULE={settings.SYNC_SCHEDULE} {problem}.", hint=hint, id="embeddings.E007"))
    for name in ("GONE_DAYS", "RETIRED_DAYS"):
        # Written this way around, what is no number is refused as well.
        if not getattr(settings, name) >= 0:
            message = f"{name}={getattr(settings, name):g} is no number of days; 0 is at once, and 36500 never."
            found.append(Error(message, id="embeddings.E008"))
    if settings.NAVIDROME_URL:
        found += [
            Error(sentence, id="embeddings.E009") for sentence in _navidrome_errors(urlsplit(settings.NAVIDROME_URL))
        ]
    return found


def _navidrome_errors(url: SplitResult) -> list[str]:
    found = []
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        found.append("NAVIDROME_URL is no address of a server, such as http://127.0.0.1:4533.")
    if url.username or url.password:
        found.append("NAVIDROME_URL holds a name or a password; NAVIDROME_USER and NAVIDROME_PASSWORD are for them.")
    if not settings.NAVIDROME_USER or not (settings.NAVIDROME_PASSWORD or settings.NAVIDROME_PASSWORD_FILE):
        found.append("NAVIDROME_URL needs NAVIDROME_USER, and NAVIDROME_PASSWORD or NAVIDROME_PASSWORD_FILE.")
    if settings.NAVIDROME_POLL_SECONDS < 1:
        found.append(f"NAVIDROME_POLL_SECONDS={settings.NAVIDROME_POLL_SECONDS} asks more often than anybody answers.")
    return found


@register()
def check_specs(**_options: Any) -> list[CheckMessage]:
    """Refuse a table of models that a store could not hold."""
    return spec_errors(list(SPECS.values()))


def spec_errors(specs: Sequence[EmbedderSpec]) -> list[CheckMessage]:
    """Say what is wrong with a table of models."""
    found: list[CheckMessage] = []
    for spec in specs:
        if not 2 <= spec.dimension <= MAX_DIMENSION:
            message = f"{spec.key} has {spec.dimension} dimensions; stores hold 2 to {MAX_DIMENSION}."
            found.append(Error(message, id="embeddings.E010"))
        if not spec.alias.isidentifier() or not spec.alias.isascii():
            found.append(Error(f"{spec.key} has the alias {spec.alias!r}, no name for Milvus.", id="embeddings.E011"))
        if not 0 < spec.hop_seconds <= spec.window_seconds:
            found.append(Error(f"{spec.key} leaves gaps between its windows.", id="embeddings.E012"))
    twice = [alias for alias, count in Counter(spec.alias for spec in specs).items() if count > 1]
    found += [Error(f"Two models share the alias {alias}.", id="embeddings.E013") for alias in twice]
    return found
