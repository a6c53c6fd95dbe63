"""The text towers that a worker of the queue `text` keeps loaded, and whether they are the ones that are asked for."""

import logging
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata

from threadpoolctl import ThreadpoolController

from embeddings.conf import ModelConfig, TextConfig
from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import load_text_encoder, load_trained_encoder
from embeddings.embedders.base import Runtime, TextEncoder
from embeddings.embedders.trained_files import appearance, fingerprint, is_there
from embeddings.errors import BackendUnavailable, CheckpointRefused, Refused, WorkerUnfit
from embeddings.jobs.identity import installed, located
from embeddings.models import Asked
from embeddings.models.prompt import TowerKind

log = logging.getLogger(__name__)

PATIENCE = 0.8
"""For how much of TEXT_TIMEOUT_SECONDS a prompt waits for a tower that is being loaded; its caller is told in time."""


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
    0.3 s became 1 to 5 s. Of Qwen3 with four billion weights, 3 s became 12."""

    def encode(self, prompt: str) -> Vector:
        """Turn a prompt into the tower's vector.

        Returns:
            [spec.joint_dimension] float32 of a model's own tower, [spec.dimension] of a trained one.

        Raises:
            Refused: there is nothing to read in the prompt.

        """
        with self.threads.limit(limits=1):
            return self.encoder.encode(prompt)


@dataclass(slots=True, kw_only=True)
class Berth:
    """The place of one tower; whoever loads it or reads with it holds the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    tower: Tower | None = None
    refused: tuple[Hashable, str] | None = None
    """What the checkpoint that cannot be loaded looked like, and why it cannot."""


@dataclass(slots=True, kw_only=True)
class Towers:
    """The text towers of this process; they stay loaded, so that a prompt costs only its own computing."""

    config: ModelConfig
    texts: TextConfig
    _berths: dict[tuple[str, TowerKind], Berth] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, spec: EmbedderSpec, kind: TowerKind) -> None:
        """Load a model's tower if it has one; what is in the way is logged here and answered to each prompt."""
        if not (spec.text_loader if kind == "own" else is_there(self.texts.checkpoint_dir, spec.key)):
            return
        try:
            with self._held(spec, kind, patience=-1) as berth:
                self._fill(berth, spec, kind)
        except (Refused, BackendUnavailable) as error:
            log.warning("text tower not loaded, prompts are refused model=%s tower=%s reason=%s", spec.key, kind, error)

    @contextmanager
    def reading(self, spec: EmbedderSpec, asked: Asked) -> Iterator[Tower]:
        """Hold the tower that is asked for, loaded, while somebody reads with it.

        Raises:
            CheckpointRefused: the tower is not of the checkpoint that is asked for, or cannot be loaded.
            WorkerUnfit: the tower is of that checkpoint, and computes otherwise.
            BackendUnavailable: it is still being loaded.

        """
        with self._held(spec, asked.tower, patience=PATIENCE * self.texts.timeout_seconds) as berth:
            tower = self._fill(berth, spec, asked.tower, asked.checkpoint)
            if tower.digest != asked.checkpoint:
                raise CheckpointRefused(_otherwise(spec, tower, asked))
            _require_alike(spec, tower, asked)
            yield tower

    @contextmanager
    def _held(self, spec: EmbedderSpec, kind: TowerKind, *, patience: float) -> Iterator[Berth]:
        with self._lock:
            berth = self._berths.setdefault((spec.key, kind), Berth())
        if not berth.lock.acquire(timeout=patience):
            raise BackendUnavailable(f"The text worker is loading what reads prompts for {spec.key}; ask again soon.")
        try:
            yield berth
        finally:
            berth.lock.release()

    def _fill(self, berth: Berth, spec: EmbedderSpec, kind: TowerKind, digest: str | None = None) -> Tower:
        """The tower that is loaded; another when the checkpoint was exchanged since, and that one is wanted."""
        if berth.tower and digest in {None, berth.tower.digest}:
            return berth.tower
        load = self._own if kind == "own" else self._trained
        berth.tower = load(spec, berth)
        return berth.tower

    def _own(self, spec: EmbedderSpec, berth: Berth) -> Tower:
        packages = _installed(spec)
        checkpoint = located(spec, self.config, log.info)
        found = checkpoint.digest if checkpoint else ""
        if kept := _kept(berth, found):
            return kept
        # A prompt is one sentence: processors read it in milliseconds, and GPUs keep their memory for music.
        with _once(berth, found):
            log.info("loading a text tower model=%s", spec.key)
            encoder = load_text_encoder(spec, Runtime(checkpoint=checkpoint, report=log.info))
        return _loaded(spec, encoder, found, packages=packages, kind="own")

    def _trained(self, spec: EmbedderSpec, berth: Berth) -> Tower:
        folder = self.texts.checkpoint_dir
        if folder is None or not is_there(folder, spec.key):
            raise CheckpointRefused(
                f"The text worker has no text checkpoint of {spec.key}; give it TEXT_CHECKPOINT_DIR as the web has it."
            )
        found = fingerprint(folder, spec.key)
        if kept := _kept(berth, found):
            return kept
        with _once(berth, tuple(appearance(folder, spec.key))):
            log.info("loading a trained text tower model=%s folder=%s", spec.key, folder)
            encoder = load_trained_encoder(spec, folder)
        return _loaded(spec, encoder, found, packages="", kind="trained")


def _kept(berth: Berth, digest: str) -> Tower | None:
    """The tower of a place when it is of this checkpoint; else its memory is given back."""
    if berth.tower and berth.tower.digest == digest:
        return berth.tower
    if berth.tower:
        outdated, berth.tower = berth.tower, None
        outdated.encoder.close()
    return None


@contextmanager
def _once(berth: Berth, looks: Hashable) -> Iterator[None]:
    """Load a checkpoint that is broken once: for as long as it looks the same, it is refused at once."""
    if berth.refused and berth.refused[0] == looks:
        raise CheckpointRefused(berth.refused[1])
    try:
        yield
    except CheckpointRefused as error:
        # The sentence alone: the error holds on to what was loaded before it broke.
        berth.refused = looks, str(error)
        raise
    berth.refused = None


def _loaded(spec: EmbedderSpec, encoder: TextEncoder, digest: str, *, packages: str, kind: TowerKind) -> Tower:
    log.info("text tower loaded model=%s tower=%s checkpoint=%s", spec.key, kind, digest)
    return Tower(encoder=encoder, digest=digest, packages=packages, threads=ThreadpoolController())


def _otherwise(spec: EmbedderSpec, tower: Tower, asked: Asked) -> str:
    ours, theirs = _short(tower.digest), _short(asked.checkpoint)
    if asked.tower == "trained":
        return (
            f"The text worker has {ours} for prompts of {spec.key}, and who asked it has {theirs}: give both the same "
            "TEXT_CHECKPOINT_DIR."
        )
    return (
        f"The text worker has {ours} of {spec.key}, and the library was embedded with {theirs}: a text can only be "
        "compared with music of the same checkpoint. Give the text worker that one, or embed the library again."
    )


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
