"""RQ's entry point for prompts, and the worker of the queue `text` that keeps the text towers loaded."""

import base64
import logging
import threading
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from embeddings import conf
from embeddings.conf import ModelConfig
from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import get_spec, load_text_encoder
from embeddings.embedders.base import Runtime, TextEncoder
from embeddings.errors import BackendUnavailable, CheckpointRefused, Refused, WorkerUnfit
from embeddings.jobs.identity import installed, located
from embeddings.jobs.worker import InProcessWorker
from embeddings.models import Asked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
    """A loaded text tower, and what its vectors depend on."""

    encoder: TextEncoder
    digest: str
    """Of the checkpoint that it came from."""
    packages: str
    """Versions of the packages that it computes with, when it was loaded."""
    threads: ThreadpoolController
    """Threads of the libraries that it computes with. A prompt is too short to be shared among cores: on two of them
    that nobody else used, a second thread saved 20 ms of 80; beside decoders the two waited for each other, and
    0.3 s became 1 to 5 s."""


@dataclass(slots=True, kw_only=True)
class Towers:
    """The text towers of this process; they stay loaded, so that a prompt costs only its own computing."""

    config: ModelConfig
    _held: dict[str, Tower] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, spec: EmbedderSpec) -> None:
        """Load a model's tower; what stands in the way is logged here and answered to each prompt."""
        try:
            with self._lock:
                self._tower(spec)
        except (Refused, BackendUnavailable) as error:
            log.warning("text tower not loaded, prompts are refused model=%s reason=%s", spec.key, error)

    def vector(self, spec: EmbedderSpec, asked: Asked) -> Vector:
        """Turn a prompt into [spec.joint_dimension] float32.

        Raises:
            CheckpointRefused: the tower is not of the checkpoint that is asked for, or cannot be loaded.
            WorkerUnfit: the tower is of that checkpoint, and computes otherwise.
            Refused: there is nothing to read in the prompt.

        """
        with self._lock:
            tower = self._tower(spec, asked.checkpoint)
            if tower.digest != asked.checkpoint:
                raise CheckpointRefused(
                    f"The text worker has {_short(tower.digest)} of {spec.key}, and the library was embedded with "
                    f"{_short(asked.checkpoint)}: a text can only be compared with music of the same checkpoint. Give "
                    "the text worker that one, or embed the library again."
                )
            _require_alike(spec, tower, asked)
            with tower.threads.limit(limits=1):
                return tower.encoder.encode(asked.prompt)

    def _tower(self, spec: EmbedderSpec, digest: str | None = None) -> Tower:
        """The tower that is loaded; another when the checkpoint was exchanged since, and that one is wanted."""
        held = self._held.get(spec.key)
        if held and digest in {None, held.digest}:
            return held
        packages = _installed(spec)
        checkpoint = located(spec, self.config, log.info)
        found = checkpoint.digest if checkpoint else ""
        if held and found == held.digest:
            return held
        if held:
            self._held.pop(spec.key).encoder.close()
        # A prompt is one sentence: processors read it in milliseconds, and GPUs keep their memory for music.
        encoder = load_text_encoder(spec, Runtime(checkpoint=checkpoint, report=log.info))
        log.info("text tower loaded model=%s checkpoint=%s", spec.key, found)
        self._held[spec.key] = Tower(encoder=encoder, digest=found, packages=packages, threads=ThreadpoolController())
        return self._held[spec.key]


@cache
def towers() -> Towers:
    """Give this process's towers."""
    return Towers(config=conf.models())


def encode_prompt(asked: dict[str, Any]) -> dict[str, Any]:
    """Turn a prompt into a vector; RQ keeps the answer until its caller has read it.

    Args:
        asked: fields of an `Asked`: the prompt, and what its vector has to come from.

    Returns:
        `{"vector": base64 of little-endian float32}`, or `{"refused": sentence, "code": code}`, or
        `{"unavailable": sentence}` when this worker cannot tell for now.

    """
    wanted = Asked(**asked)
    spec = get_spec(wanted.model)
    try:
        vector = towers().vector(spec, wanted)
    except Refused as error:
        return {"refused": str(error), "code": error.code}
    except BackendUnavailable as error:
        return {"unavailable": str(error)}
    if vector.shape != (spec.joint_dimension,) or not np.isfinite(vector).all():
        raise ValueError(f"The text tower of {spec.key} gave no finite vector of {spec.joint_dimension} dimensions.")
    return {"vector": base64.b64encode(vector.astype("<f4").tobytes()).decode()}


class TextWorker(InProcessWorker):
    """Answers prompts; it takes them from the moment that it is known, and loads its towers meanwhile."""

    def register_birth(self) -> None:
        """Announce this worker, and load the towers of the configured models beside it."""
        super().register_birth()
        threading.Thread(target=_load_configured, name="loading", daemon=True).start()


def _load_configured() -> None:
    specs = [get_spec(key) for key in conf.jobs().models]
    for spec in specs:
        if spec.text_loader:
            towers().load(spec)


def _require_alike(spec: EmbedderSpec, tower: Tower, asked: Asked) -> None:
    compared = (
        ("version", str(spec.version), str(asked.spec_version)),
        ("packages", tower.packages or "none", asked.packages or "none"),
    )
    differences = [f"{what} {ours} instead of {theirs}" for what, ours, theirs in compared if ours != theirs]
    if differences:
        raise WorkerUnfit(
            f"The text worker has {' and '.join(differences)} for the model {spec.key}, and the library was embedded "
            "with the latter: a text can only be compared with music of the same making. Give the text worker the "
            "same, or embed the library again."
        )


def _installed(spec: EmbedderSpec) -> str:
    try:
        return installed(spec)
    except metadata.PackageNotFoundError as error:
        raise WorkerUnfit(
            f"The text worker lacks the Python package {error.name}, which the model {spec.key} needs."
        ) from error


def _short(digest: str) -> str:
    return f"the checkpoint {digest[:12]}" if digest else "no checkpoint"
