"""The doctor's look at models: whether they can be loaded, where their checkpoints are, what they are computed on."""

import importlib

from django.conf import settings

from embedder_site.env import given
from embedder_site.finding import Finding, missing
from embeddings import conf
from embeddings.checks import device_errors
from embeddings.domain import EmbedderSpec
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.checkpoints import CheckpointState, state_of
from embeddings.embedders.checkpoints.files import by_repository, in_words, variable
from embeddings.errors import EmbedderError, Refused

WITHOUT_INTERNET = "docs/operating.md, Checkpoints, tells how to bring them to a machine without internet."


def check_models() -> Finding:
    """The models of MODELS: known, and with all they need installed."""
    used = f"{', '.join(settings.MODELS)} ({'MODELS' if given('MODELS') else 'default'})"
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


def check_device() -> list[Finding]:
    """What the neural models of MODELS are computed on here, and how; nothing when there are none."""
    specs = _with_checkpoint()
    return [_device(specs)] if specs else []


def _device(specs: list[EmbedderSpec]) -> Finding:
    config = conf.models()
    used = f"{_setting('DEVICE', config.device)}, {_setting('PRECISION', config.precision)}"
    if errors := device_errors(config):
        return missing("device", used, errors[0].msg, "Correct the setting.")
    try:
        return Finding(subject="device", state="ok", used=used, answer=_computing(specs, config))
    except (EmbedderError, ImportError, OSError) as error:
        return missing("device", used, str(error), "Set DEVICE=auto and PRECISION=auto, or mend the device's driver.")


def _computing(specs: list[EmbedderSpec], config: conf.ModelConfig) -> str:
    # Torch takes seconds to import, and who has no neural model may not have it.
    torch_devices = importlib.import_module("embeddings.embedders.neural.device")
    device = torch_devices.resolve_device(config.device)
    precisions = {}
    for spec in specs:
        precisions[spec.key] = (
            torch_devices.best_precision(spec, device) if config.precision == "auto" else config.precision
        )
        torch_devices.require_precision(precisions[spec.key], device)
    return f"{torch_devices.title(device)}; {', '.join(f'{key} in {value}' for key, value in precisions.items())}"


def _setting(name: str, value: str) -> str:
    return f"{name}={value}" if given(name) else f"{name}={value} (default)"


def _with_checkpoint() -> list[EmbedderSpec]:
    return [SPECS[key] for key in settings.MODELS if key in SPECS and SPECS[key].checkpoint]
