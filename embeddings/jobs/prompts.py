"""Vectors of prompts: remembered in the database, else asked of a worker of the queue `text`."""

import base64
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, cast

import django_rq
import numpy as np
import redis
from rq import Worker
from rq.job import Job
from rq.queue import Queue

from embeddings import conf
from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.errors import BackendUnavailable, CheckpointRefused, NotEmbedded, Refused
from embeddings.models import Asked, Generation, PromptVector
from embeddings.models.prompt import LONGEST

ENTRY = "embeddings.jobs.texts.encode_prompt"
"""By name: the module itself belongs to the worker."""
START = "start one: manage.py work --queue text."
CONNECT_SECONDS = 5
WAITING = 4
"""Prompts of this process that may wait for a worker at once: half of the web server's threads, so that pages go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPrompt:
    """What a prompt became, and what it can be compared with."""

    vector: Vector
    """[joint dimension] float32 of unit length."""
    generation: Generation
    """Whose joint vectors lie in the same space; another one may be live when somebody searches."""


def read_prompt(model: str, prompt: str) -> ReadPrompt:
    """Turn a prompt into a vector that is comparable with the joint vectors of the model's live generation.

    Args:
        model: key of a spec that knows text.
        prompt: what somebody looks for, in any language that the model reads.

    Raises:
        UnknownEmbedder: no such model.
        Refused: the model knows no text (`no_text`), or there is nothing to read (`prompt_empty`, `bad_prompt`).
        NotEmbedded: there is no music to compare it with.
        CheckpointRefused: the text worker lacks the checkpoint that the music was embedded with.
        BackendUnavailable: no text worker answered within TEXT_TIMEOUT_SECONDS, the one that did computes
            otherwise than the music was embedded, or too many prompts of this process wait already.

    """
    spec = get_spec(model)
    if not spec.text_loader:
        reading = ", ".join(known.key for known in SPECS.values() if known.text_loader)
        raise Refused(f"The model {spec.key} knows no text; ask {reading}.", code="no_text")
    words = readable(prompt)
    live = _live(spec)
    asked = Asked(
        model=spec.key,
        spec_version=live.spec_version,
        checkpoint=live.checkpoint,
        packages=live.packages,
        prompt=words,
    )
    vector = PromptVector.objects.known(asked)
    if vector is None:
        with _place():
            vector = _ask(asked)
        PromptVector.objects.keep(asked, vector)
    return ReadPrompt(vector=vector, generation=live)


def _live(spec: EmbedderSpec) -> Generation:
    """The generation that prompts are compared with."""
    live = Generation.objects.live(spec.key)
    if live is None:
        raise NotEmbedded(f"Nothing was embedded with {spec.key} yet: start a job first.")
    if live.joint_dimension != spec.joint_dimension:
        raise NotEmbedded(
            f"{live} holds no vectors that a text can be compared with, as those of {spec.key} that were made "
            f"elsewhere: embed the library anew, with: manage.py reembed start --rebuild --models {spec.key}"
        )
    return live


def readable(prompt: str) -> str:
    """Give the words of a prompt with one space between them.

    Raises:
        Refused: there are none, or too many, or they are no valid text.

    """
    words = " ".join(prompt.split())
    if not words:
        raise Refused("There is nothing to read in the prompt; describe the music in a few words.", code="prompt_empty")
    if len(words) > LONGEST:
        raise Refused(f"A prompt may have {LONGEST:,} characters, not {len(words):,}.", code="bad_prompt")
    if "\0" in words or words != words.encode(errors="replace").decode():
        raise Refused("The prompt is no valid text.", code="bad_prompt")
    return words


@cache
def _places() -> threading.BoundedSemaphore:
    """Where prompts of this process wait."""
    return threading.BoundedSemaphore(WAITING)


@contextmanager
def _place() -> Iterator[None]:
    places = _places()
    if not places.acquire(blocking=False):
        raise BackendUnavailable(f"{WAITING} prompts wait for the text worker already; ask again in a moment.")
    try:
        yield
    finally:
        places.release()


def _ask(asked: Asked) -> Vector:
    seconds = conf.texts().timeout_seconds
    try:
        with closing(_connect(seconds)) as connection:
            # At once, also inside a transaction: we wait for the answer here.
            queue = django_rq.get_queue("text", commit_mode="auto", connection=connection)
            answer = _answer(queue, asked, seconds)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BackendUnavailable(f"The queue does not answer: {error}") from error
    return _vector(answer)


def _vector(answer: dict[str, Any]) -> Vector:
    """Read an answer of `texts.encode_prompt`; what it refused is refused here."""
    if "unavailable" in answer:
        raise BackendUnavailable(answer["unavailable"])
    if answer.get("code") == "checkpoint_refused":
        raise CheckpointRefused(answer["refused"])
    if "refused" in answer:
        raise Refused(answer["refused"], code=answer["code"])
    vector: Vector = np.frombuffer(base64.b64decode(answer["vector"]), "<f4").astype(np.float32)
    return vector


def _connect(seconds: int) -> redis.Redis:
    # By default the client gives up on a server that is silent for five seconds; waiting is what we are here for.
    return redis.Redis.from_url(
        conf.texts().queue_url, socket_timeout=seconds + CONNECT_SECONDS, socket_connect_timeout=CONNECT_SECONDS
    )


def _answer(queue: Queue, asked: Asked, seconds: int) -> dict[str, Any]:
    """Send the prompt and wait for what a worker says."""
    if not Worker.all(queue=queue):
        raise BackendUnavailable(f"No text worker is running; {START}")
    # A prompt that nobody took in time is gone from the queue: nobody waits for its answer any more.
    job: Job = queue.enqueue_call(ENTRY, args=(asdict(asked),), ttl=seconds, result_ttl=seconds, failure_ttl=seconds)
    result = job.latest_result(timeout=seconds)
    if result is None:
        raise BackendUnavailable(
            f"No text worker answered within {seconds} seconds. After its start it loads its model, which may take a "
            f"minute; if none is running, {START}"
        )
    if result.type is not result.Type.SUCCESSFUL:
        raise BackendUnavailable("The text worker broke on this prompt; its log says why.")
    return cast("dict[str, Any]", result.return_value)
