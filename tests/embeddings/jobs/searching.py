"""Searches that run in threads all the while, and what each of them may answer."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from django.db import connection

from embeddings.models import Generation, Track
from embeddings.store.base import VectorStore
from recommendations.neighbours import Neighbour, neighbours_of, neighbours_of_vector
from tests.embeddings.jobs.weighted import WEIGHTED
from tests.services import until

Answer = tuple[tuple[str, float], ...]
QUERY = np.asarray([[0.6, -0.64, 0.48]], dtype=np.float32)
LIMIT = 5


@dataclass(slots=True, kw_only=True)
class Load:
    """What came of the searches so far."""

    answers: Counter[tuple[str, Answer]] = field(default_factory=Counter)
    """How often each kind of search gave which answer."""
    errors: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, more: int) -> None:
        """Wait until every kind of search has answered so often from now on, or one has failed."""
        before = self.by_kind()
        until(lambda: bool(self.errors) or all(count - before[kind] >= more for kind, count in self.by_kind().items()))

    def by_kind(self) -> Counter[str]:
        """How many answers each kind of search gave."""
        counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        for (kind, _), count in list(self.answers.items()):
            counts[kind] += count
        return counts


def by_alias(store: VectorStore, _seed: Track) -> Answer:
    """Search as somebody does who knows the alias alone."""
    (hits,) = store.search(WEIGHTED.alias, QUERY, limit=LIMIT)
    return tuple((hit.id, round(hit.score, 4)) for hit in hits)


def by_vector(store: VectorStore, _seed: Track) -> Answer:
    """Search by a vector."""
    return _answer(neighbours_of_vector(QUERY[0], model="weighted", store=store, limit=LIMIT))


def by_track(store: VectorStore, seed: Track) -> Answer:
    """Search for what is near a track, which takes two requests."""
    return _answer(neighbours_of(seed, model="weighted", store=store, limit=LIMIT))


KINDS: dict[str, Callable[[VectorStore, Track], Answer]] = {
    "alias": by_alias,
    "vector": by_vector,
    "track": by_track,
}


def expected(store: VectorStore, generation: Generation, seed: Track) -> dict[str, Answer]:
    """What each kind of search answers from one generation."""
    own = store.fetch(generation.collection, [str(seed.pk)])[str(seed.pk)]
    near = store.search(generation.collection, np.stack([QUERY[0], own]), limit=LIMIT + 1)
    around, beside = (tuple((hit.id, round(hit.score, 4)) for hit in hits) for hits in near)
    others = tuple(found for found in beside if found[0] != str(seed.pk))
    return {"alias": around[:LIMIT], "vector": around[:LIMIT], "track": others[:LIMIT]}


@contextmanager
def searching(store: VectorStore, seed: Track) -> Iterator[Load]:
    """Search without a pause in one thread for each kind."""
    load = Load()

    def search(kind: str) -> None:
        while not load.ended.is_set():
            try:
                load.answers[kind, KINDS[kind](store, seed)] += 1
            except Exception as error:
                # The edge of the measurement: whatever went wrong is the result.
                load.errors.append(f"{kind}: {error!r}")
                break
        connection.close()

    threads = [threading.Thread(target=search, args=(kind,), daemon=True) for kind in KINDS]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()


def _answer(found: Sequence[Neighbour]) -> Answer:
    return tuple((str(near.track.pk), round(near.score, 4)) for near in found)
