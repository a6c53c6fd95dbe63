"""Bodies that were found valid become the nouns that the engine understands; what was not given is as those have it."""

from collections.abc import Mapping
from typing import Any

from recommendations.configuration import Configuration
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
from recommendations.paths import PathRequest


def request_of(given: Mapping[str, Any]) -> Request:
    """Make the request of what `RequestIn` has validated."""
    parts: dict[str, Any] = {
        name: given[name] for name in ("mode", "limit", "user", "models", "tuning") if name in given
    }
    negatives = given.get("negatives", {})
    return Request(
        **parts,
        seeds=[_seed(seed) for seed in given.get("seeds", ())],
        prompts=[Prompt(**prompt) for prompt in given.get("prompts", ())],
        merge=Merge(**given.get("merge", {})),
        filter=Filter(**given.get("filter", {})),
        exclude=Exclusions(**given.get("exclude", {})),
        dislikes=Dislikes(**given.get("dislikes", {})),
        negatives=Negatives(**negatives | {"prompts": [Prompt(**one) for one in negatives.get("prompts", ())]}),
        variety=Variety(**given.get("variety", {})),
    )


def configuration_of(given: Mapping[str, Any]) -> Configuration:
    """Make the configuration of what `ConfigurationIn` has validated."""
    return Configuration(**given)


def _seed(given: Mapping[str, Any]) -> Seed | VectorSeed:
    if "vectors" in given:
        return VectorSeed(**given)
    plain = dict(given)
    return Seed(key=plain.pop("id"), **plain)


def path_of(given: Mapping[str, Any]) -> PathRequest:
    """Make the request of what `PathIn` has validated."""
    parts = dict(given)
    return PathRequest(
        filter=Filter(**parts.pop("filter", {})), exclude=Exclusions(**parts.pop("exclude", {})), **parts
    )
