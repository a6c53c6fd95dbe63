"""Where the time of an answer goes: what is asked of the store and of the catalogue is noted by the clock."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

from embeddings.store.base import VectorStore

Span = tuple[str, float, float]
"""What was waited for, from when and until when."""


class Watched:
    """A store that notes when it was asked; models ask at the same time."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.spans: list[Span] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._noted(name, found) if name in {"search", "fetch", "labels"} else found

    def _noted(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return ask(*arguments, **keywords)
            finally:
                with self._lock:
                    self.spans.append((name, began, time.perf_counter()))

        return noted

    @contextmanager
    def catalogue(self) -> Iterator[None]:
        """Note what the database is asked in this thread."""

        def noted(execute: Any, *arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return execute(*arguments)
            finally:
                self.spans.append(("catalogue", began, time.perf_counter()))

        with connection.execute_wrapper(noted):
            yield


def shares(spans: Sequence[Span], seconds: float) -> dict[str, float]:
    """Seconds of an answer by what was waited for; what is waited for at once counts once; the rest is ours."""
    parts = {name: _covered([span for span in spans if span[0] == name]) for name in ("search", "fetch", "catalogue")}
    return parts | {"arithmetic": max(0.0, seconds - _covered(spans))}


def _covered(spans: Sequence[Span]) -> float:
    covered, until = 0.0, 0.0
    for _, began, ended in sorted(spans, key=lambda span: span[1]):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered
