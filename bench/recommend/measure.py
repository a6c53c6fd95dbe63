"""Asks one library of the benchmark; `python -m bench.recommend.measure TRACKS REPEATS FILE` in its surroundings."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

import bench.alone  # noqa: F401 - before anything that needs Django
from bench.figure import Figure, show
from bench.recommend.music import ARTIST
from bench.recommend.shelf import MODELS, rows, track_id
from bench.recommend.watching import Watched, shares
from embeddings import conf
from embeddings.embedders import SPECS
from embeddings.models import Generation
from embeddings.store import connect
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from recommendations.domain import Prompt, Request, Seed
from recommendations.engine import recommend
from recommendations.prompt_templates import sentences
from recommendations.results import Answer

SEEDS = (1, 25, 200)
BARRED = (25, 3)
"""Seeds and models of the request that has a bar."""
SEEDS_MS, TEXT_MS = 300.0, 200.0
FOLLOWED = 5
"""Tracks that a listener named of one artist, on average."""
COMPARED = 5
"""Answers that are compared with exact ones."""
WARM_UP = 3
BUSY = "import os; os.nice(10)\nwhile True: sum(range(100_000))"
"""A worker on a core of its own, as far as one is left."""


@dataclass(slots=True)
class Times:
    """What several answers took, in milliseconds."""

    total: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)

    def at(self, share: int) -> float:
        """A percentile."""
        return float(np.percentile(self.total, share))

    def part(self, name: str) -> float:
        """Median of one part."""
        return float(np.median([parts[name] for parts in self.parts]))


def by_seeds(tracks: int, count: int, models: int, number: int) -> Request:
    """A request of a listener who knows a few artists; each number asks for others."""
    chance = np.random.default_rng([count, number])
    artists = chance.integers(tracks // ARTIST, size=max(1, count // FOLLOWED))
    named = chance.choice(artists, size=count) * ARTIST + chance.integers(ARTIST, size=count)
    keys = dict.fromkeys(str(track_id(int(one))) for one in named)
    return Request(seeds=[Seed(key=key) for key in keys], models=MODELS[:models])


def by_text(number: int) -> Request:
    """A request in words that were read before."""
    known = sentences()
    return Request(prompts=[Prompt(text=known[number % len(known)])], models=MODELS)


def timed(requests: Iterable[Request], store: VectorStore) -> Times:
    """Ask, one after the other."""
    found = Times()
    for request in requests:
        watched = Watched(store)
        with watched.catalogue():
            began = time.perf_counter()
            recommend(request, store=cast("VectorStore", watched))
            seconds = time.perf_counter() - began
        found.total.append(1000 * seconds)
        found.parts.append({name: 1000 * part for name, part in shares(watched.spans, seconds).items()})
    return found


def figures(name: str, found: Times, bar: float | None) -> Iterator[Figure]:
    """How long answers took, and what for."""
    yield Figure(name=f"{name}, p50", value=found.at(50), unit="ms")
    yield Figure(name=f"{name}, p95", value=found.at(95), unit="ms", bar=bar, at_most=True)
    for part in ("search", "fetch", "catalogue", "arithmetic"):
        yield Figure(name=f"{name}, {part}", value=found.part(part), unit="ms")


@contextmanager
def busy_worker() -> Iterator[None]:
    """Somebody who computes beside the answers."""
    worker = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        worker.kill()
        worker.wait()


def exact(tracks: int) -> MemoryStore:
    """The same library in a store that compares with every row."""
    store = MemoryStore()
    for model in MODELS:
        spec, live = SPECS[model], Generation.objects.live(model)
        if live is not None:
            store.create(live.collection, spec.dimension, joint_dimension=spec.joint_dimension)
            for chunk in rows(model, tracks):
                store.upsert(live.collection, chunk)
    return store


def overlap(requests: Sequence[Request], store: VectorStore, true: VectorStore) -> float:
    """Share of each answer that an exact search would have answered as well."""

    def ids(answer: Answer) -> set[str]:
        return {one.candidate.id for one in answer.tracks}

    pairs = [(ids(recommend(one, store=store)), ids(recommend(one, store=true))) for one in requests]
    return float(np.mean([len(found & best) / max(1, len(best)) for found, best in pairs]))


def measure(tracks: int, repeats: int, told: dict[str, float]) -> Iterator[Figure]:
    """All figures of one library; medians are told to whoever compares sizes."""
    store = connect(conf.store())
    for number in range(WARM_UP):
        recommend(by_seeds(tracks, 1, len(MODELS), 1000 + number), store=store)
    for models in (1, len(MODELS)):
        for seeds in SEEDS:
            name = f"{seeds} seeds, {models} models"
            found = timed((by_seeds(tracks, seeds, models, number) for number in range(repeats)), store)
            told[name] = found.at(50)
            yield from figures(f"{tracks} tracks, {name}", found, SEEDS_MS if (seeds, models) == BARRED else None)
    with busy_worker():
        found = timed((by_text(number) for number in range(repeats)), store)
    told["a text"] = found.at(50)
    yield from figures(f"{tracks} tracks, a text beside a busy worker", found, TEXT_MS)
    true = exact(tracks)
    for name, requests in (
        ("seeds", [by_seeds(tracks, 25, len(MODELS), number) for number in range(COMPARED)]),
        ("a text", [by_text(number) for number in range(COMPARED)]),
    ):
        yield Figure(
            name=f"{tracks} tracks, {name}: overlap@25 with an exact search", value=overlap(requests, store, true)
        )
    store.close()


def main(tracks: int, repeats: int, path: Path) -> int:
    """Print the figures, and keep the medians."""
    told: dict[str, float] = {}
    code = show(measure(tracks, repeats, told))
    path.write_text(json.dumps(told))
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
