"""How fast a model embeds, decoding aside: CPU seconds of one thread over real music."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.evaluation.audio import Ear
from bench.evaluation.protocol import Piece
from bench.evaluation.systems import embed
from embeddings.embedders import get_spec, load_embedder

TRACKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Music embedded and what it cost."""

    music_seconds: float
    cpu_seconds: float

    @property
    def times_real_time(self) -> float:
        """Seconds of music per CPU second."""
        return self.music_seconds / self.cpu_seconds

    @property
    def cpu_per_four_minutes(self) -> float:
        """CPU seconds for a track of 240 seconds."""
        return 240 * self.cpu_seconds / self.music_seconds


def measure_speed(pieces: Sequence[Piece], key: str) -> Speed:
    """Embed some whole tracks, from samples in memory to vectors; the first one only warms up."""
    spec = get_spec(key)
    embedder = load_embedder(spec)
    music = cpu = 0.0
    with Ear() as ear:
        for place, piece in enumerate([piece for piece in pieces if piece.kind == "track"][: TRACKS + 1]):
            samples = ear.hear(Path(piece.path), spec.sample_rate)
            began = time.process_time()
            embed(samples, spec, embedder)
            if place:
                cpu += time.process_time() - began
                music += len(samples) / spec.sample_rate
    return Speed(music_seconds=music, cpu_seconds=cpu)
