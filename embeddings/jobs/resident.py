"""What a worker keeps from one slice to the next: the store, loaded models, decoders."""

from dataclasses import dataclass, field
from functools import cache

from threadpoolctl import threadpool_limits

from embeddings import conf
from embeddings.audio.decoders import Decoder
from embeddings.domain import EmbedderSpec
from embeddings.embedders import load_embedder
from embeddings.embedders.base import Embedder
from embeddings.store import connect
from embeddings.store.base import VectorStore


@dataclass(slots=True)
class Resident:
    """Collaborators that are expensive to make; for one thread."""

    store: VectorStore
    decoders: list[Decoder]
    _embedders: dict[str, Embedder] = field(default_factory=dict)

    def embedder(self, spec: EmbedderSpec) -> Embedder:
        """Give the loaded model, loading it the first time."""
        if spec.key not in self._embedders:
            self._embedders[spec.key] = load_embedder(spec)
        return self._embedders[spec.key]

    def close(self) -> None:
        """End the decoding children; they come back when they are needed."""
        for decoder in self.decoders:
            decoder.close()


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
    return Resident(store=connect(conf.store()), decoders=decoders)
