"""Finds out with what a model would be computed here: its weights, its packages, its precision."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module, metadata

from embeddings.conf import ModelConfig
from embeddings.domain import EmbedderSpec
from embeddings.embedders.base import Checkpoint
from embeddings.embedders.checkpoints import locate
from embeddings.errors import Refused, WorkerUnfit
from embeddings.models import Generation, Identity

AUTO = "auto"
Report = Callable[[str], None]


def identify(spec: EmbedderSpec, config: ModelConfig, report: Report) -> Identity:
    """Give the identity that vectors made from now on are to have; may download the checkpoint first.

    Left to choose, the precision stays what it was: another one would embed the whole library anew.

    Raises:
        CheckpointRefused: the weights are missing, damaged or not this model's.
        Refused: a package is not installed, or the model cannot be computed in the configured precision here.

    """
    checkpoint = located(spec, config, report)
    try:
        identity = Identity(checkpoint=checkpoint.digest if checkpoint else "", packages=installed(spec))
    except metadata.PackageNotFoundError as error:
        raise Refused(_not_installed(spec, error), code="package_missing") from error
    return replace(identity, precision=_precision(spec, identity, config)) if checkpoint else identity


def require_fit(generation: Generation, spec: EmbedderSpec, checkpoint: Checkpoint | None) -> None:
    """Refuse to add to vectors that were begun with something else than what this worker has.

    Raises:
        WorkerUnfit: the message says what differs, and what to do.

    """
    try:
        packages = installed(spec)
    except metadata.PackageNotFoundError as error:
        raise WorkerUnfit(_not_installed(spec, error)) from error
    digest = checkpoint.digest if checkpoint else ""
    compared = (
        ("version", str(spec.version), str(generation.spec_version)),
        ("checkpoint", digest[:12] or "none", generation.checkpoint[:12] or "none"),
        ("packages", packages or "none", generation.packages or "none"),
    )
    differences = [f"{what} {ours} instead of {theirs}" for what, ours, theirs in compared if ours != theirs]
    if differences:
        raise WorkerUnfit(
            f"This worker has {' and '.join(differences)} for the model {spec.key}, whose vectors were begun with the "
            "latter. Give it the same, or cancel the job and start another, which begins new vectors beside the old."
        )


def located(spec: EmbedderSpec, config: ModelConfig, report: Report) -> Checkpoint | None:
    """Find the model's checkpoint on this machine, or bring it here; None for a model without weights.

    Raises:
        CheckpointRefused: it is missing, damaged or not this model's.

    """
    if not spec.checkpoint:
        return None
    return locate(spec, config.checkpoints.get(spec.key), digests=config.digests, report=report)


def installed(spec: EmbedderSpec) -> str:
    """Name the packages that the model's vectors depend on, with their versions here.

    A local version (`2.13.0+cu130`) names a build for a machine, not another way to compute.

    Raises:
        PackageNotFoundError: one is not installed.

    """
    return ", ".join(f"{name} {metadata.version(name).partition('+')[0]}" for name in spec.packages)


def device_named(config: ModelConfig) -> str:
    """Say which device models run on here, as torch names it."""
    # Torch takes seconds to import, and models without weights need none of it.
    resolved: str = import_module("embeddings.embedders.neural.device").resolve_device(config.device)
    return resolved


def fit_device(generation: Generation, config: ModelConfig) -> str:
    """Say which device of this worker goes on with vectors as they were begun.

    Raises:
        WorkerUnfit: the configured device is not here, or the CPU would stand in for the GPU that they were begun on.

    """
    devices, precision = import_module("embeddings.embedders.neural.device"), generation.precision
    try:
        device = device_named(config)
    except Refused as error:
        raise WorkerUnfit(str(error)) from error
    slowly: bool = devices.can_compute(precision, device)
    try:
        devices.refuse_fallback(config.device, device, precision)
        if device == "cpu":
            devices.require_precision(precision, device)
    except WorkerUnfit as error:
        otherwise = (
            "set DEVICE=cpu to go on slowly"
            if slowly
            else "cancel the job, set PRECISION=float32 and start another, which begins new vectors beside the old"
        )
        raise WorkerUnfit(
            f"The vectors of {generation.model} were begun in {precision} on a GPU, and this worker has none that "
            f"answers; mend the GPU, or {otherwise}."
        ) from error
    return device


def _precision(spec: EmbedderSpec, identity: Identity, config: ModelConfig) -> str:
    if config.precision != AUTO:
        if config.precision not in spec.precisions:
            known = ", ".join([AUTO, *spec.precisions])
            raise Refused(f"The model {spec.key} is not computed in PRECISION={config.precision}; choose from {known}.")
        _require_here(spec, config)
        return config.precision
    # Kept also where this machine cannot compute it: others may, and a worker that cannot says so.
    if (begun := Generation.objects.begun(spec, identity)) is not None:
        return begun.precision
    best: str = import_module("embeddings.embedders.neural.device").best_precision(spec, device_named(config))
    return best


def _require_here(spec: EmbedderSpec, config: ModelConfig) -> None:
    device = device_named(config)
    try:
        import_module("embeddings.embedders.neural.device").require_precision(config.precision, device)
    except WorkerUnfit as unfit:
        raise Refused(
            f"The model {spec.key} cannot be computed in PRECISION={config.precision} on {device}, which plans this "
            "job; set PRECISION=auto or PRECISION=float32 for every worker, or DEVICE to a GPU that can, and retry.",
            code="precision_unavailable",
        ) from unfit


def _not_installed(spec: EmbedderSpec, error: metadata.PackageNotFoundError) -> str:
    return f"The model {spec.key} needs the Python package {error.name}, which is not installed here."
