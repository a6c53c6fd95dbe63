"""The doctor's look at models: whether they can be loaded, where their checkpoints are, what they are computed on."""

import importlib
from collections.abc import Mapping
from importlib import metadata

from django.conf import settings

from embedder_site.env import choice, given
from embedder_site.finding import Finding, missing
from embeddings import conf
from embeddings.checks import device_errors
from embeddings.domain import EmbedderSpec
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.checkpoints import CheckpointState, state_of
from embeddings.embedders.checkpoints.files import by_repository, in_words, variable
from embeddings.errors import EmbedderError, Refused, WorkerUnfit
from embeddings.jobs.identity import AUTO, fit_device, installed
from embeddings.models import Generation, GenerationState, Identity

WITHOUT_INTERNET = "docs/operating.md, Checkpoints, tells how to bring them to a machine without internet."
LEFT = "Until then, tracks of that model are left to workers that can."


def check_models() -> Finding:
    """The models of MODELS: known, and with all they need installed."""
    who = "MODELS" if given("MODELS") else "as named last" if choice("MODELS") else "default"
    used = f"{', '.join(settings.MODELS)} ({who})"
    for key in settings.MODELS:
        try:
            importlib.import_module(get_spec(key).loader.partition(":")[0])
        except Refused as error:
            return missing("models", used, str(error), "Correct MODELS.")
        except (ImportError, OSError) as error:
            # A package whose compiled part does not find its libraries says OSError.
            return missing("models", used, f"{key} cannot be loaded: {error}", f"Install what {key} needs.")
    return Finding(subject="models", state="ok", used=used, answer="installed")


def check_checkpoints() -> list[Finding]:
    """Where the checkpoints of MODELS are; nobody is asked for them, and no large file is read."""
    folders = conf.models().checkpoints
    return [checkpoint_finding(spec, state_of(spec, folders.get(spec.key))) for spec in _with_checkpoint()]


def checkpoint_finding(spec: EmbedderSpec, state: CheckpointState) -> Finding:
    """Say of one model's checkpoint where it is and under which licence, and what to do when it is not."""
    licence = f"weights {spec.weights_licence}"
    if state.problem:
        source = f"{state.where} ({variable(spec.key)})" if state.where else "Hugging Face hub"
        return missing(spec.key, f"{source}, {licence}", state.problem, WITHOUT_INTERNET)
    if state.place == "hub":
        size = f", about {in_words(state.size)}" if state.size else ""
        return Finding(
            subject=spec.key,
            state="warning",
            used=f"{state.where}, {licence}",
            answer=f"a worker downloads it when it is first needed{size}: {by_repository(state.lacking)}",
            advice=WITHOUT_INTERNET,
        )
    source = variable(spec.key) if state.place == "local" else "downloaded"
    used = f"{state.where} ({source}), {licence}"
    return Finding(subject=spec.key, state="ok", used=used, answer=f"complete, {in_words(state.size)}")


def check_device(*, tables: bool) -> list[Finding]:
    """What the neural models of MODELS are computed on here, and how; nothing when there are none.

    Args:
        tables: whether the database can be asked in which precision vectors were begun.

    """
    specs = _with_checkpoint()
    return [_device(specs, tables=tables)] if specs else []


def _device(specs: list[EmbedderSpec], *, tables: bool) -> Finding:
    config = conf.models()
    used = f"{_setting('DEVICE', config.device)}, {_setting('PRECISION', config.precision)}"
    if errors := device_errors(config):
        return missing("device", used, errors[0].msg, "Correct the setting.")
    begun = {spec.key: _begun(spec) for spec in specs} if tables and config.precision == AUTO else {}
    try:
        return Finding(subject="device", state="ok", used=used, answer=_computing(specs, config, begun))
    except (EmbedderError, ImportError, OSError) as error:
        unfit = config.precision == AUTO and isinstance(error, WorkerUnfit)
        return missing("device", used, str(error), LEFT if unfit else "Set DEVICE=auto and PRECISION=auto.")


def _computing(specs: list[EmbedderSpec], config: conf.ModelConfig, begun: Mapping[str, Generation | None]) -> str:
    # Torch takes seconds to import, and who has no neural model may not have it.
    torch_devices = importlib.import_module("embeddings.embedders.neural.device")
    device = torch_devices.resolve_device(config.device)
    named = torch_devices.title(device)
    told = []
    for spec in specs:
        generation = begun.get(spec.key)
        if generation:
            fit_device(generation, config)
            told.append(f"{spec.key} in {generation.precision}, as {generation.collection} was begun")
            continue
        precision = torch_devices.best_precision(spec, device) if config.precision == AUTO else config.precision
        torch_devices.require_precision(precision, device)
        told.append(f"{spec.key} in {precision}")
    return f"{named}; {'; '.join(told)}"


def _begun(spec: EmbedderSpec) -> Generation | None:
    """The generation that a worker here would add to, if it has the checkpoint that was used last.

    Which one it has is told by reading gigabytes, which is the workers' business.
    """
    newest = (
        Generation.objects.filter(model=spec.key).exclude(state=GenerationState.RETIRED).order_by("-number").first()
    )
    if newest is None:
        return None
    try:
        packages = installed(spec)
    except metadata.PackageNotFoundError:
        # `check_models` says so.
        return None
    begun = Generation.objects.begun(spec, Identity(checkpoint=newest.checkpoint, packages=packages))
    return begun if begun and begun.precision else None


def _setting(name: str, value: str) -> str:
    return f"{name}={value}" if given(name) else f"{name}={value} (default)"


def _with_checkpoint() -> list[EmbedderSpec]:
    return [SPECS[key] for key in settings.MODELS if key in SPECS and SPECS[key].checkpoint]
