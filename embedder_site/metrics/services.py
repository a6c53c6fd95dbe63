"""Metrics that services know: whether each answers, how many messages wait, and which workers are awake."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from rq.utils import utcparse

from embedder_site.metrics.patience import patient
from embedder_site.metrics.rows import of_rows
from embeddings import conf
from embeddings.errors import BackendUnavailable
from embeddings.store import connect
from embeddings.store.base import VectorStore

PATIENCE_SECONDS = 2.0
"""How long a service may take to answer: whoever scrapes waits ten seconds, and asks three of them."""
DATABASE_SECONDS = 3.0
"""The same for the database, which counts."""


def of_everything() -> Iterator[Metric]:
    """Give all metrics; a service that is away is one that is not up, and what only it knows is left out."""
    up = GaugeMetricFamily("embedder_up", "Whether a service answers.", labels=["service"])
    for service, ask in SERVICES.items():
        # Gathered before any is given: half of what a service knows would look like all of it.
        try:
            known = list(ask())
        except (DatabaseError, InterfaceError, BackendUnavailable, redis.RedisError):
            up.add_metric([service], 0)
            continue
        up.add_metric([service], 1)
        yield from known
    yield up


def of_database() -> Iterator[Metric]:
    """Ask the database.

    Raises:
        DatabaseError: it is away, or takes too long.

    """
    with patient(DATABASE_SECONDS):
        yield from of_rows()


def of_queue() -> Iterator[Metric]:
    """Ask the queue.

    Raises:
        RedisError: it is away.

    """
    with redis.Redis.from_url(
        str(settings.RQ_QUEUES["control"]["URL"]),
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=PATIENCE_SECONDS,
        decode_responses=True,
    ) as queue:
        pipeline = queue.pipeline(transaction=False)
        for name in settings.RQ_QUEUES:
            pipeline.llen(f"rq:queue:{name}")
        waiting = GaugeMetricFamily("embedder_queue_messages", "Messages that wait.", labels=["queue"])
        for name, length in zip(settings.RQ_QUEUES, pipeline.execute(), strict=True):
            waiting.add_metric([name], length)
        yield waiting
        yield from _awake(queue)


def _awake(queue: "redis.Redis") -> Iterator[Metric]:
    keys = sorted(str(key) for key in queue.smembers("rq:workers"))
    pipeline = queue.pipeline(transaction=False)
    for key in keys:
        pipeline.hmget(key, "hostname", "pid", "queues", "last_heartbeat")
    beats = GaugeMetricFamily(
        "embedder_worker_heartbeat_timestamp_seconds", "When a worker was last heard of.", labels=["worker", "queues"]
    )
    counts = dict.fromkeys(settings.RQ_QUEUES, 0)
    for host, pid, queues, beat in pipeline.execute():
        # The set remembers a killed worker; what it said about itself expires.
        if not (host and queues and beat):
            continue
        beats.add_metric([f"{host}:{pid}", queues], utcparse(beat).timestamp())
        for name in queues.split(","):
            counts[name] = counts.get(name, 0) + 1
    workers = GaugeMetricFamily("embedder_workers", "Workers that are awake.", labels=["queue"])
    for name, count in counts.items():
        workers.add_metric([name], count)
    yield workers
    yield beats


def of_vectors() -> Iterator[Metric]:
    """Ask the vector store.

    Raises:
        BackendUnavailable: it is away.

    """
    health = _impatient(conf.store().uri).health()
    yield GaugeMetricFamily("embedder_collections", "Collections in the vector store.", health.collections)


@cache
def _impatient(uri: str) -> VectorStore:
    """A connection of its own to this store: searches may take longer than a scrape."""
    return connect(replace(conf.store(), uri=uri, timeout_seconds=PATIENCE_SECONDS))


SERVICES: dict[str, Callable[[], Iterator[Metric]]] = {
    "database": of_database,
    "queue": of_queue,
    "vectors": of_vectors,
}
