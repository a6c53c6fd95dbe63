"""A load of searches at a steady rate, each of which keeps how long it took and what it found."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from embeddings.domain import Hit
from embeddings.store.base import VectorStore
from recommendations.neighbours import neighbours_of_vector

THREADS = 4
LIMIT = 10
MODEL, ALIAS = "acoustic", "acoustic_embedding"

Answer = list[Hit]
Ask = Callable[[VectorStore, NDArray[np.float32]], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search that was answered."""

    query: int
    began: float
    seconds: float
    hits: Answer


@dataclass(slots=True, kw_only=True)
class Load:
    """All searches of a run."""

    done: list[Search] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def milliseconds(self, since: float, until: float) -> NDArray[np.float64]:
        """How long those took that began between two moments."""
        return np.asarray([1000 * one.seconds for one in self.done if since <= one.began < until])


def by_alias(store: VectorStore, vector: NDArray[np.float32]) -> Answer:
    """Search as a program does that knows the alias alone."""
    return store.search(ALIAS, vector[None], limit=LIMIT)[0]


def by_engine(store: VectorStore, vector: NDArray[np.float32]) -> Answer:
    """Search as the web server does."""
    found = neighbours_of_vector(vector, model=MODEL, store=store, limit=LIMIT)
    return [Hit(id=str(near.track.pk), score=near.score) for near in found]


@contextmanager
def searching(store: VectorStore, queries: NDArray[np.float32], rate: float) -> Iterator[Load]:
    """Search from several threads, half of them by the alias and half as the web server does.

    Args:
        store: where.
        queries: [n, dimension], asked in turn.
        rate: searches per second of all threads together.

    """
    load, ended = Load(), threading.Event()

    def search(thread: int, ask: Ask) -> None:
        due, number = time.perf_counter() + thread / rate, thread
        while not ended.wait(max(0.0, due - time.perf_counter())):
            # A search that is late is not made up for: people do not ask twice because an answer was slow.
            due = max(due + THREADS / rate, time.perf_counter())
            number = (number + THREADS) % len(queries)
            began = time.perf_counter()
            try:
                hits = ask(store, queries[number])
            except Exception as error:
                # The edge of the measurement: whatever went wrong is a result.
                load.errors.append(repr(error))
                continue
            load.done.append(Search(query=number, began=began, seconds=time.perf_counter() - began, hits=hits))
        connection.close()

    threads = [
        threading.Thread(target=search, args=(number, by_alias if number % 2 else by_engine), daemon=True)
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ended.set()
        for thread in threads:
            thread.join()
