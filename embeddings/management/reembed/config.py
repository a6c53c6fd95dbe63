"""Configuration files of `reembed start --config`: what may stand in them, and a sentence for what may not."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embeddings.domain import MOST_BATCH, MOST_DELAY_SECONDS, MOST_RETRIES, JobOptions
from embeddings.embedders import SPECS
from embeddings.errors import Refused
from embeddings.models import Scope

LIVE, NEW = "live", "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """One job as a file describes it."""

    source: str = ""
    """The generation that has to be live for the file to be meant for this library; empty for any."""
    target: str = LIVE
    """Where vectors go: the live generation, or a new one beside it."""
    models: tuple[str, ...] = ()
    scope: str = Scope.MISSING
    selection: dict[str, Any] = field(default_factory=dict)
    options: JobOptions = field(default_factory=JobOptions)


Check = Callable[[Any], str]
"""Gives what is wrong with a value, as the end of a sentence; "" when nothing is."""


def _number(least: float, most: float, *, whole: bool) -> Check:
    kinds = (int,) if whole else (int, float)
    kind = "a whole number" if whole else "a number"

    def check(value: Any) -> str:
        fits = isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most
        return "" if fits else f"has to be {kind} from {least:g} to {most:g}"

    return check


def _switch(value: Any) -> str:
    return "" if isinstance(value, bool) else "has to be true or false"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "has to be a text"


def _one_of(*allowed: str) -> Check:
    return lambda value: "" if value in allowed else f"has to be one of {', '.join(allowed)}"


def _models(value: Any) -> str:
    if not isinstance(value, list) or not all(isinstance(key, str) for key in value):
        return "has to be a list of models"
    unknown = [key for key in value if key not in SPECS]
    return f"names {', '.join(unknown)}; there are {', '.join(SPECS)}" if unknown else ""


def _object(value: Any) -> str:
    return "" if isinstance(value, dict) else "has to be an object"


def _or_none(check: Check) -> Check:
    return lambda value: "" if value is None else check(value)


CHECKS: dict[str, Check] = {
    "source": _text,
    "target": _one_of(LIVE, NEW),
    "models": _models,
    "scope": _one_of(*Scope.values),
    "selection": _object,
    "batch_size": _number(0, MOST_BATCH, whole=True),
    "max_retries": _or_none(_number(0, MOST_RETRIES, whole=True)),
    "delay_between_batches": _number(0, MOST_DELAY_SECONDS, whole=False),
    "verification": _switch,
    "promotion": _switch,
    "backup": _switch,
}
OPTIONS = {
    "batch_size": "batch_size",
    "max_retries": "max_retries",
    "delay_between_batches": "delay_seconds",
    "verification": "verify",
    "promotion": "promote",
    "backup": "backup",
}
"""Names in a file, which people know from elsewhere, and the fields of `JobOptions` they stand for."""


def read_config(path: Path) -> JobFile:
    """Read and check a file; everything that is wrong with it is said at once.

    Raises:
        Refused: it cannot be read, or means nothing.

    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.", code="bad_config") from error
    except ValueError as error:
        raise Refused(f"{path} is not JSON: {error}", code="bad_config") from error
    if not isinstance(written, dict):
        raise Refused(f"{path} has to hold one JSON object.", code="bad_config")
    wrong = [f"{name} {said}." for name, said in _complaints(written)]
    if wrong:
        raise Refused(f"{path}: {' '.join(wrong)}", code="bad_config")
    return _job_file(written)


def _complaints(written: dict[str, Any]) -> list[tuple[str, str]]:
    unknown = [(name, f"is no field; there are {', '.join(CHECKS)}") for name in written if name not in CHECKS]
    wrong = [(name, said) for name, check in CHECKS.items() if name in written and (said := check(written[name]))]
    together = []
    if written.get("target") == NEW and written.get("scope", Scope.ALL) != Scope.ALL:
        together.append(("scope", "has to be all where target is new: a new generation starts empty"))
    if written.get("selection") and written.get("scope") != Scope.SELECTION:
        together.append(("selection", "belongs to the scope selection"))
    return unknown + wrong + together


def _job_file(written: dict[str, Any]) -> JobFile:
    target = written.get("target", LIVE)
    return JobFile(
        source=written.get("source", ""),
        target=target,
        models=tuple(written.get("models", ())),
        scope=written.get("scope", Scope.ALL if target == NEW else Scope.MISSING),
        selection=written.get("selection", {}),
        options=JobOptions(**{field: written[name] for name, field in OPTIONS.items() if name in written}),
    )


def config_text(models: list[str], source: str) -> str:
    """Write a file with every field at its default, to be changed.

    Args:
        models: what the jobs of this library embed with.
        source: the live generation, when there is one model.

    """
    defaults = JobOptions()
    fields: dict[str, Any] = {"source": source, "target": LIVE, "models": models, "scope": str(Scope.MISSING)}
    fields |= {"selection": {}} | {name: getattr(defaults, field) for name, field in OPTIONS.items()}
    return json.dumps(fields, indent=2) + "\n"
