"""RQ's entry point for prompts, and the worker of the queue `text` that keeps the text towers loaded."""

import base64
import logging
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

import numpy as np

from embeddings import conf
from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.towers import Tower, Towers
from embeddings.jobs.worker import InProcessWorker
from embeddings.models import Asked
from embeddings.models.prompt import TowerKind

log = logging.getLogger(__name__)


@cache
def towers() -> Towers:
    """Give this process's towers."""
    return Towers(config=conf.models(), texts=conf.texts())


def encode_prompts(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn prompts into vectors, one by one; RQ keeps the answers until their caller has read them.

    Args:
        asked: fields of an `Asked` each: a prompt, and what its vector has to come from, the same for all.

    Returns:
        For each `{"vector": base64 of little-endian float32}`, or `{"refused": sentence, "code": code}`,
        or `{"unavailable": sentence}` when this worker cannot tell for now.

    """
    wanted = [Asked(**one) for one in asked]
    spec = get_spec(wanted[0].model)
    try:
        with towers().reading(spec, wanted[0]) as tower:
            return [_encode(tower, spec, one) for one in wanted]
    except (Refused, BackendUnavailable) as error:
        # The tower itself, and with it every prompt.
        return [_why(error)] * len(wanted)


def _encode(tower: Tower, spec: EmbedderSpec, asked: Asked) -> dict[str, Any]:
    dimension = spec.joint_dimension if asked.tower == "own" else spec.dimension
    try:
        vector = _sound(tower.encode(asked.prompt), dimension)
    except Refused as error:
        return _why(error)
    except Exception:
        # The end of this worker's work on one prompt: what breaks on it is ours to mend, and no reason to
        # leave the other prompts of the message without an answer.
        log.exception("broke on a prompt model=%s tower=%s", asked.model, asked.tower)
        return {"unavailable": "The text worker broke on this prompt; its log says why."}
    return {"vector": base64.b64encode(vector.astype("<f4").tobytes()).decode()}


def _sound(vector: Vector, dimension: int) -> Vector:
    if vector.shape != (dimension,) or not np.isfinite(vector).all():
        raise ValueError(f"a text tower gave no finite vector of {dimension} dimensions")
    return vector


def _why(error: Refused | BackendUnavailable) -> dict[str, Any]:
    if isinstance(error, Refused):
        return {"refused": str(error), "code": error.code}
    return {"unavailable": str(error)}


class TextWorker(InProcessWorker):
    """Answers prompts; it takes them from the moment that it is known, and loads its towers meanwhile."""

    def register_birth(self) -> None:
        """Announce this worker, and load the towers of the configured models beside it."""
        super().register_birth()
        threading.Thread(target=_load_configured, name="loading", daemon=True).start()


def _load_configured() -> None:
    # Those that take a second before those that take minutes.
    for kind in get_args(TowerKind):
        for key in conf.jobs().models:
            towers().load(get_spec(key), kind)
