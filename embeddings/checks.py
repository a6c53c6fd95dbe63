"""System checks: what would otherwise fail in the middle of a job is said at the start."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from embeddings import conf
from embeddings.domain import EmbedderSpec
from embeddings.embedders import SPECS
from embeddings.store.base import MAX_DIMENSION

QUEUES = ("control", "embed")
LEAST_MEMORY_MB = 256


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
