"""Asks a worker of the queue `text` for the vectors of prompts, and reads its answer."""

import base64
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, cast

import django_rq
import numpy as np
import redis
from rq import Worker
from rq.job import Job
from rq.queue import Queue

from embeddings import conf
from embeddings.domain import Vector
from embeddings.errors import BackendUnavailable, CheckpointRefused, Refused
from embeddings.models import Asked

ENTRY = "embeddings.jobs.texts.encode_prompts"
"""By name: the module itself belongs to the worker."""
START = "start one: manage.py work --queue text."
CONNECT_SECONDS = 5
FURTHER_SECONDS = {"own": 0.5, "trained": 5.0}
"""How much longer each prompt but the first of a message may take; XLM-R reads one in a tenth of a second beside
decoders that are busy, and a text encoder of four billion weights in seconds."""

Answer = Vector | Refused | BackendUnavailable
"""What became of one prompt: its vector, or why it has none."""


def ask(asked: Sequence[Asked]) -> list[Answer]:
    """Send prompts in one message, and wait for what a worker says of each; the answers are in their order.

    Args:
        asked: at least one, all for one tower.

    Raises:
        BackendUnavailable: no text worker answered in time, or the queue does not answer.

    """
    seconds = conf.texts().timeout_seconds + int(FURTHER_SECONDS[asked[0].tower] * (len(asked) - 1))
    try:
        with closing(_connect(seconds)) as connection:
            # At once, also inside a transaction: we wait for the answer here.
            queue = django_rq.get_queue("text", commit_mode="auto", connection=connection)
            said = _said(queue, asked, seconds)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BackendUnavailable(f"The queue does not answer: {error}") from error
    return [_answer(one) for one in said]


def _answer(said: dict[str, Any]) -> Answer:
    """What one answer of `texts.encode_prompts` means."""
    if "unavailable" in said:
        return BackendUnavailable(said["unavailable"])
    if said.get("code") == "checkpoint_refused":
        return CheckpointRefused(said["refused"])
    if "refused" in said:
        return Refused(said["refused"], code=said["code"])
    vector: Vector = np.frombuffer(base64.b64decode(said["vector"]), "<f4").astype(np.float32)
    return vector


def _connect(seconds: int) -> redis.Redis:
    # By default the client gives up on a server that is silent for five seconds; waiting is what we are here for.
    return redis.Redis.from_url(
        conf.texts().queue_url, socket_timeout=seconds + CONNECT_SECONDS, socket_connect_timeout=CONNECT_SECONDS
    )


def _said(queue: Queue, asked: Sequence[Asked], seconds: int) -> list[dict[str, Any]]:
    """Send the prompts and wait for what a worker says."""
    if not Worker.all(queue=queue):
        raise BackendUnavailable(f"No text worker is running; {START}")
    # A message that nobody took in time is gone from the queue: nobody waits for its answer any more.
    message = ([asdict(one) for one in asked],)
    job: Job = queue.enqueue_call(ENTRY, args=message, ttl=seconds, result_ttl=seconds, failure_ttl=seconds)
    result = job.latest_result(timeout=seconds)
    if result is None:
        raise BackendUnavailable(
            f"No text worker answered within {seconds} seconds. After its start it loads its model, which may take a "
            f"minute; if none is running, {START}"
        )
    if result.type is not result.Type.SUCCESSFUL:
        raise BackendUnavailable("The text worker broke while it read; its log says why.")
    return cast("list[dict[str, Any]]", result.return_value)
