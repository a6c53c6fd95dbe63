"""What a worker keeps from one slice to the next: the store, decoders, and one loaded model."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from django.db import Error as DatabaseTrouble
from threadpoolctl import threadpool_limits

from embeddings import conf
from embeddings.audio.decoders import Decoder
from embeddings.conf import ModelConfig
from embeddings.domain import Precision
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Checkpoint, Embedder, Runtime
from embeddings.errors import BackendUnavailable, EmbedderError, Refused, WorkerUnfit
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.identity import fit_device, located, require_fit
from embeddings.jobs.worker import current_slot
from embeddings.models import Generation, Lease, TrackResult
from embeddings.store import connect
from embeddings.store.base import CollectionMissing, VectorStore

UNFIT_SECONDS = 600.0
"""How long a worker that proved unfit for a generation does not load its gigabytes again to find the same."""
ASIDE_SECONDS = 15.0
"""How long a worker that is unfit for all that is left to do leaves the others the messages."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model in memory, and the device that holds it."""

    generation_id: int
    embedder: Embedder
    device: str


@dataclass(slots=True, kw_only=True)
class Resident:
    """Collaborators that are expensive to make; for one thread."""

    store: VectorStore
    decoders: list[Decoder]
    config: ModelConfig
    bulletin: Bulletin
    broken: bool = False
    """Whether an error may have left a GPU's context unusable, which only another program mends."""
    owed: list[Lease] = field(default_factory=list)
    """Leases whose rows could not be given back, because the database was away."""
    _loaded: Loaded | None = None
    _used: float = 0.0
    _unfit: dict[int, tuple[float, str]] = field(default_factory=dict)
    _aside_until: float = 0.0

    @property
    def loaded(self) -> int | None:
        """Number of the generation whose model is loaded."""
        return self._loaded.generation_id if self._loaded else None

    @property
    def unfit(self) -> dict[int, str]:
        """Numbers of generations that loading or computing has shown this worker to be unfit for, and why."""
        since = time.monotonic() - UNFIT_SECONDS
        return {number: reason for number, (found, reason) in self._unfit.items() if found > since}

    @property
    def aside(self) -> bool:
        """Whether messages are left to other workers for now."""
        return time.monotonic() < self._aside_until

    def stand_aside(self) -> None:
        """Leave the others the messages for a while."""
        self._aside_until = time.monotonic() + ASIDE_SECONDS

    def repay(self) -> None:
        """Give back what could not be given back: its worker lives, and the rows have not cost one."""
        while self.owed:
            TrackResult.objects.release(self.owed[-1])
            self.owed.pop()

    @contextmanager
    def embedder(self, generation: Generation, report: Callable[[str], None] | None = None) -> Iterator[Embedder]:
        """Lend the generation's model, loading it unless it is loaded; what was loaded before makes room first.

        Args:
            generation: what is to be gone on with.
            report: told what is downloaded and loaded, in this thread; may raise to walk away from it.

        Raises:
            CheckpointRefused: its weights are the ones that the generation was begun with, and cannot be used.
            WorkerUnfit: this worker lacks what the generation was begun with, or would compute something else.

        """
        if generation.pk in self.unfit:
            raise WorkerUnfit(self.unfit[generation.pk])
        runtime = None
        if self.loaded != generation.pk:
            tell = report or self.bulletin.say
            runtime = self._fitting_runtime(generation, tell)
            self.unload()
            tell(f"Loading {generation.model}")
        with self._watched(generation, runtime):
            if self._loaded is None:
                self._loaded = self._load(generation, runtime or Runtime())
            yield self._introduced(generation, self._loaded.embedder)

    @contextmanager
    def _watched(self, generation: Generation, runtime: Runtime | None) -> Iterator[None]:
        """Keep no model, while it is loaded or lent, that proved unfit or may be damaged."""
        device = runtime.device if runtime else self._loaded.device if self._loaded else "cpu"
        try:
            yield
        except WorkerUnfit as unfit:
            # Only loading or computing has shown it; that is not done again every few seconds.
            self._unfit[generation.pk] = (time.monotonic(), str(unfit))
            self.unload()
            raise
        except (EmbedderError, CollectionMissing, DatabaseTrouble):
            # Somebody else's trouble, of which the model knows nothing.
            raise
        except Exception:
            # Ours, or the driver's: on a GPU nothing that follows an illegal access can be trusted, and the next
            # slice would fail by the same model.
            self.broken = device != "cpu"
            self._abandon()
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

    def _abandon(self) -> None:
        """Let go of a model that may be damaged; what it says to that harms nobody."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return
        try:
            loaded.embedder.close()
        except Exception:
            # The edge of a broken model: a dead device refuses to free memory as well, and the first error counts.
            log.warning("broken model not closed model=%s", loaded.embedder.spec.key, exc_info=True)
        self.bulletin.hold("", "")
        self.bulletin.say(f"{loaded.embedder.spec.key} dropped after an error")

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

    def _fitting_checkpoint(self, generation: Generation, report: Callable[[str], None]) -> Checkpoint | None:
        spec = get_spec(generation.model)
        try:
            checkpoint = located(spec, self.config, report)
        except (Refused, BackendUnavailable) as error:
            # The planner had this checkpoint: what is missing is missing here, and other workers may have it.
            raise WorkerUnfit(str(error)) from error
        require_fit(generation, spec, checkpoint)
        return checkpoint

    def _load(self, generation: Generation, runtime: Runtime) -> Loaded:
        embedder = load_embedder(get_spec(generation.model), runtime)
        return Loaded(generation_id=generation.pk, embedder=embedder, device=runtime.device)

    def _fitting_runtime(self, generation: Generation, report: Callable[[str], None]) -> Runtime:
        checkpoint = self._fitting_checkpoint(generation, report)
        if checkpoint is None:
            return Runtime(report=self.bulletin.say)
        return Runtime(
            device=fit_device(generation, self.config),
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
