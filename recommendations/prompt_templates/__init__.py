"""Prompts that ship with the project: moods, genres, activities and more, as sentences that text towers understand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from embeddings.errors import Refused
from recommendations.domain import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One prompt to choose."""

    key: str
    """Unique: `genres/bossa-nova`."""
    group: str
    """Title of its group: `Genres`."""
    title: str
    """For a button: `Bossa nova`."""
    prompt: str
    """What a text tower reads: `bossa nova with nylon guitar and a soft voice`."""


@cache
def templates() -> tuple[Template, ...]:
    """All prompts that ship with the project, in the order in which to show them."""
    text = resources.files(__package__).joinpath("templates.json").read_text(encoding="utf-8")
    return tuple(
        Template(key=f"{group['key']}/{row['key']}", group=group["title"], title=row["title"], prompt=row["prompt"])
        for group in json.loads(text)
        for row in group["templates"]
    )


def sentences() -> tuple[str, ...]:
    """Only what a text tower reads: a sample of what people ask for."""
    return tuple(template.prompt for template in templates())


def prompts_of(keys_with_weights: Mapping[str, float]) -> tuple[Prompt, ...]:
    """Make the prompts of a request from templates, in the order in which they ship.

    Args:
        keys_with_weights: relative weights above 0 by key: `{"moods/calm": 1.0, "instruments/piano": 2.0}`.

    Raises:
        Refused: no template has one of the keys (`unknown_template`).

    """
    by_key = {template.key: template for template in templates()}
    strange = sorted(set(keys_with_weights) - set(by_key))
    if strange:
        raise Refused(
            f"There is no template {strange[0]!r}; a key is like {next(iter(by_key))!r}.", code="unknown_template"
        )
    return tuple(
        Prompt(text=template.prompt, weight=keys_with_weights[key])
        for key, template in by_key.items()
        if key in keys_with_weights
    )
