"""The measurement itself, in the surroundings that `python -m bench.migration` makes."""

import subprocess
import sys
import time
from collections.abc import Iterator

import django

django.setup()

import numpy as np  # noqa: E402 - models need a configured Django
from django.core.management import call_command  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from bench.figure import Figure, show  # noqa: E402
from bench.migration.searches import MODEL, Load, Search, searching  # noqa: E402
from embeddings import conf  # noqa: E402
from embeddings.domain import SYSTEM  # noqa: E402
from embeddings.jobs import migration  # noqa: E402
from embeddings.models import Generation  # noqa: E402
from embeddings.store import connect  # noqa: E402
from embeddings.store.base import VectorStore  # noqa: E402

SWITCHES = 10
BETWEEN_SECONDS = 1.0
SAME = 1e-3
"""How far a score may be from the cosine: the store computes in float32."""


def main(rate: float, quiet_seconds: float, nice: int) -> int:
    """Embed a library, embed it anew beside, switch to and fro, and search all the while.

    Args:
        rate: searches per second.
        quiet_seconds: how long they are measured before anything else happens.
        nice: how far the worker steps back for others.

    """
    call_command("migrate", verbosity=0)
    fill(1, nice)
    store = connect(conf.store())
    queries = np.stack(list(vectors_of(store, live()).values()))
    with searching(store, queries, rate) as load:
        warm = moment(2.0)
        quiet = moment(quiet_seconds)
        fill(2, nice)
        filled = time.perf_counter()
        for _ in range(SWITCHES):
            time.sleep(BETWEEN_SECONDS)
            migration.rollback(MODEL, by=SYSTEM)
        time.sleep(BETWEEN_SECONDS)
        ended = time.perf_counter()
    generations = {one.collection: vectors_of(store, one) for one in Generation.objects.all()}
    mixed = sum(not of_one(search, queries, list(generations.values())) for search in load.done)
    code = show(figures(load, (warm, quiet, filled, ended), mixed, len(queries)))
    print("\n".join(load.errors[:5]))
    return code


def figures(load: Load, moments: tuple[float, ...], mixed: int, tracks: int) -> Iterator[Figure]:
    """Everything that was measured, between warm, quiet, filled and ended."""
    warm, quiet, filled, ended = moments
    before, during = load.milliseconds(warm, quiet), load.milliseconds(quiet, ended)
    filling, switching = load.milliseconds(quiet, filled), load.milliseconds(filled, ended)
    yield Figure(name="tracks", value=tracks)
    yield Figure(name="filling, verifying and promoting", value=filled - quiet, unit="s")
    yield Figure(name="searches, quiet and during", value=len(before) + len(during))
    yield Figure(name="errors", value=len(load.errors), bar=0, at_most=True)
    yield Figure(name="mixed answers", value=mixed, bar=0, at_most=True)
    for name, found in (("quiet", before), ("while filling", filling), ("while switching", switching)):
        for share in (50, 95):
            yield Figure(name=f"search {name} p{share}", value=float(np.percentile(found, share)), unit="ms")
        yield Figure(name=f"search {name} slowest", value=float(found.max()), unit="ms")
    ratio = float(np.percentile(during, 95) / np.percentile(before, 95))
    yield Figure(name="p95 during / quiet", value=ratio, unit="x", bar=2, at_most=True)


def moment(seconds: float) -> float:
    """Let searches go on for so long; when that is over."""
    time.sleep(seconds)
    return time.perf_counter()


def fill(version: int, nice: int) -> None:
    """Have a worker of its own embed the library."""
    subprocess.run([sys.executable, "-m", "bench.migration.filling", str(version), str(nice)], check=True)


def live() -> Generation:
    """What is searched now."""
    found = Generation.objects.live(MODEL)
    if found is None:
        raise SystemExit("nothing was embedded")
    return found


def vectors_of(store: VectorStore, generation: Generation) -> dict[str, NDArray[np.float32]]:
    """Every vector of a generation by its id."""
    ids = [key for page in store.ids(generation.collection) for key in page]
    return store.fetch(generation.collection, ids)


def of_one(search: Search, queries: NDArray[np.float32], generations: list[dict[str, NDArray[np.float32]]]) -> bool:
    """Whether one generation holds all that a search found, as near as the search says."""
    query = queries[search.query]
    return bool(search.hits) and any(
        all(hit.id in held and abs(float(held[hit.id] @ query) - hit.score) < SAME for hit in search.hits)
        for held in generations
    )


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
