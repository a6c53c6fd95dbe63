"""What a worker keeps from one slice to the next: the store, decoders, and one loaded model."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from threadpoolctl import threadpool_limits

from embeddings import conf
from embeddings.audio.decoders import Decoder
from embeddings.conf import ModelConfig
from embeddings.domain import Precision
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Checkpoint, Embedder, Runtime
from embeddings.errors import WorkerUnfit
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.identity import device_named, located, require_fit
from embeddings.jobs.worker import current_slot
from embeddings.models import Generation
from embeddings.store import connect
from embeddings.store.base import VectorStore

UNFIT_SECONDS = 600.0
"""How long a worker that proved unfit for a generation does not load its gigabytes again to find the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    generation_id: int
    embedder: Embedder


@dataclass(slots=True, kw_only=True)
class Resident:
    """Collaborators that are expensive to make; for one thread."""

    store: VectorStore
    decoders: list[Decoder]
    config: ModelConfig
    bulletin: Bulletin
    _loaded: _Loaded | None = None
    _used: float = 0.0
    _unfit: dict[int, tuple[float, str]] = field(default_factory=dict)

    @property
    def loaded(self) -> int | None:
        """Number of the generation whose model is loaded."""
        return self._loaded.generation_id if self._loaded else None

    @contextmanager
    def embedder(self, generation: Generation) -> Iterator[Embedder]:
        """Lend the generation's model, loading it unless it is loaded; what was loaded before makes room first.

        Raises:
            CheckpointRefused: its weights are missing, damaged or not this model's.
            WorkerUnfit: this worker would compute something else than the generation holds.

        """
        found, reason = self._unfit.get(generation.pk, (-UNFIT_SECONDS, ""))
        if time.monotonic() - found < UNFIT_SECONDS:
            raise WorkerUnfit(reason)
        if self._loaded is None or self._loaded.generation_id != generation.pk:
            self.unload()
            checkpoint = self._fitting_checkpoint(generation)
        try:
            if self._loaded is None:
                self._loaded = self._load(generation, checkpoint)
            yield self._introduced(generation, self._loaded.embedder)
        except WorkerUnfit as unfit:
            # Only loading or computing has shown it; that is not done again every few seconds.
            self._unfit[generation.pk] = (time.monotonic(), str(unfit))
            self.unload()
            raise
        finally:
            self._used = time.monotonic()

    def unload(self) -> None:
        """Give a loaded model's memory back."""
        if self._loaded is None:
            return
        loaded, self._loaded = self._loaded, None
        loaded.embedder.close()
        self.bulletin.hold("", "")
        self.bulletin.say(f"{loaded.embedder.spec.key} unloaded")

    def rest(self) -> None:
        """Look around between messages: unload a model that nothing was asked of for long."""
        if time.monotonic() - self._used > self.config.idle_seconds:
            self.unload()
        self.bulletin.write()

    def leave(self) -> None:
        """Close, and say nothing more: this worker ends."""
        self.close()
        self.bulletin.forget()

    def close(self) -> None:
        """End the decoding children and unload; both come back when they are needed."""
        self.unload()
        for decoder in self.decoders:
            decoder.close()

    def _introduced(self, generation: Generation, embedder: Embedder) -> Embedder:
        self.bulletin.hold(generation.model, embedder.standing)
        self.bulletin.say(f"{generation.model} on {embedder.standing.removeprefix('on ')}")
        return embedder

    def _fitting_checkpoint(self, generation: Generation) -> Checkpoint | None:
        spec = get_spec(generation.model)
        checkpoint = located(spec, self.config, self.bulletin.say)
        require_fit(generation, spec, checkpoint)
        return checkpoint

    def _load(self, generation: Generation, checkpoint: Checkpoint | None) -> _Loaded:
        self.bulletin.say(f"Loading {generation.model}")
        embedder = load_embedder(get_spec(generation.model), self._runtime(generation, checkpoint))
        return _Loaded(generation_id=generation.pk, embedder=embedder)

    def _runtime(self, generation: Generation, checkpoint: Checkpoint | None) -> Runtime:
        if checkpoint is None:
            return Runtime(report=self.bulletin.say)
        return Runtime(
            device=device_named(self.config),
            precision=cast("Precision", generation.precision),
            checkpoint=checkpoint,
            memory_gb=self.config.max_gpu_memory_gb,
            report=self.bulletin.say,
        )


@cache
def resident() -> Resident:
    """Give this process's collaborators, made from the configuration on first use."""
    audio = conf.audio()
    # The cores are busy decoding. Left alone, numpy's BLAS starts a thread per core for each small product, and
    # they spin against the decoders and each other: a job of 178 tracks took six times as long.
    threadpool_limits(limits=1, user_api="blas")
    decoders = [
        Decoder(max_seconds=audio.max_seconds, stall_seconds=audio.stall_seconds, memory_mb=audio.memory_mb)
        for _ in range(audio.decoders)
    ]
    return Resident(
        store=connect(conf.store()), decoders=decoders, config=conf.models(), bulletin=Bulletin(current_slot())
    )
