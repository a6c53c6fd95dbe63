"""A request as JSON and back: without its vectors, and without who asked."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embeddings.errors import Refused
from recommendations.domain import (
    Dislikes,
    Exclusions,
    Filter,
    Merge,
    Negatives,
    Prompt,
    Request,
    Seed,
    Variety,
    VectorSeed,
)

PLAIN = Request()
VECTORS = "vectors"


def written(request: Request) -> dict[str, Any]:
    """Write down what was asked; what is as in an empty request is left out.

    A vector becomes its SHA-256 and its length, and the listener's name nothing at all.
    """
    usual = _plain(PLAIN)
    return {name: value for name, value in _plain(request).items() if name != "user" and value != usual[name]}


def read(asked: Mapping[str, Any]) -> Request:
    """Make the request again that was written down.

    Raises:
        Refused: vectors belonged to it (`has_vectors`), or it was written by another version (`unreadable`).

    """
    if any(VECTORS in seed for seed in asked.get("seeds", ())) or asked.get("negatives", {}).get(VECTORS):
        raise Refused("Vectors belonged to the request, and they are not kept.", code="has_vectors")
    try:
        return _read(asked)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Refused(f"The request was written by another version: {error}.", code="unreadable") from error


def _read(asked: Mapping[str, Any]) -> Request:
    given = dict(asked)
    negatives = given.pop("negatives", {})
    parts: dict[str, Any] = {
        "seeds": [_seed(one) for one in given.pop("seeds", ())],
        "prompts": [Prompt(**one) for one in given.pop("prompts", ())],
        "merge": Merge(**given.pop("merge", {})),
        "filter": _filter(given.pop("filter", {})),
        "exclude": Exclusions(**given.pop("exclude", {})),
        "dislikes": Dislikes(**given.pop("dislikes", {})),
        "negatives": Negatives(
            prompts=[Prompt(**one) for one in negatives.get("prompts", ())],
            penalty=negatives.get("penalty", PLAIN.negatives.penalty),
        ),
        "variety": Variety(**given.pop("variety", {})),
        "tuning": {name: float(value) for name, value in given.pop("tuning", {}).items()},
    }
    return Request(**parts, **given)


def _seed(one: Mapping[str, Any]) -> Seed:
    played_at = one.get("played_at")
    return Seed(**{**one, "played_at": datetime.fromisoformat(played_at) if played_at else None})


def _filter(one: Mapping[str, Any]) -> Filter:
    ranges = {name: tuple(one[name]) for name in ("years", "seconds") if name in one}
    return Filter(**{**one, **ranges})


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.name != VECTORS}
        return plain | _prints(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    # JSON knows no infinity, which the sharpness of a mode may be.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _prints(value: Any) -> dict[str, Any]:
    """Fingerprints in place of vectors, by model: one of a seed, several of what is not wanted."""
    if isinstance(value, VectorSeed):
        return {VECTORS: {model: _print(vector) for model, vector in value.vectors.items()}}
    if isinstance(value, Negatives):
        return {VECTORS: {model: [_print(vector) for vector in given] for model, given in value.vectors.items()}}
    return {}


def _print(vector: ArrayLike) -> dict[str, Any]:
    """Fingerprint of a vector: enough to see that two were the same."""
    numbers = np.asarray(vector, dtype="<f4")
    return {"sha256": hashlib.sha256(numbers.tobytes()).hexdigest(), "length": int(numbers.size)}
