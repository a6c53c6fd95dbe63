"""How long searches take in this process, for whoever collects metrics."""

from contextlib import AbstractContextManager
from functools import cache

from prometheus_client import Histogram

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds: an indexed search takes some thousandths, one of fresh rows in Milvus Lite a second, a timeout thirty."""


@cache
def search_seconds() -> Histogram:
    """Give the one histogram of this process; it belongs to no registry of the library's own."""
    help_text = "Time that the vector store took for one search, whatever came of it."
    return Histogram("embedder_search_seconds", help_text, ["model", "field"], buckets=BUCKETS, registry=None)


def timed(model: str, field: str) -> AbstractContextManager[object]:
    """Measure what happens inside as one search of a model's field."""
    return search_seconds().labels(model, field).time()
