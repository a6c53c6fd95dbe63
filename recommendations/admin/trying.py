"""The page on which recommendations are tried: seeds and words in, tracks and reasons out, or two ways side by side."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from embeddings.errors import BackendUnavailable, Refused
from embeddings.models import Track
from recommendations.admin.forms import ConfigurationForm, QuestionForm
from recommendations.comparing import compare
from recommendations.configuration import Configuration
from recommendations.domain import Dislikes, Negatives, Prompt, Request, Seed
from recommendations.logbook.answering import answer
from recommendations.prompt_templates import templates
from recommendations.store import vector_store

DOOR = "admin"
MOST_SEEDS = 50
MOST_MATCHES = 8
FORMS = ("question", "a", "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What one press of a button asks for."""

    fields: QueryDict
    """With a template's words in the prompts, when it was a template's button."""
    seeds: tuple[Track, ...]
    disliked: tuple[Track, ...]
    matches: tuple[Track, ...]
    """Tracks that the words in the search box match, the first of them."""
    more: int
    """How many others match."""
    template: bool
    """Whether it was a template's button."""
    wants_answer: bool


@require_http_methods(["GET", "POST"])
def try_page(request: HttpRequest) -> HttpResponse:
    """Show the form, and below it what was found.

    What is filled in is posted: an address has no room for twenty prompts and fifty seeds.
    """
    if not request.user.has_perm("embeddings.view_track"):
        raise PermissionDenied
    pressed = _pressed(request.POST)
    forms = _forms(pressed.fields)
    context: dict[str, Any] = {
        "title": "Try it",
        "pressed": pressed,
        "searched": pressed.fields.get("q", ""),
        "groups": [(name, list(group)) for name, group in groupby(templates(), key=lambda one: one.group)],
        "forms": forms,
        "faulty": pressed.wants_answer and not all(form.is_valid() for form in forms.values()),
    }
    if pressed.wants_answer and not context["faulty"]:
        context |= _answers(pressed, forms)
    page = admin.site.each_context(request) | context
    return TemplateResponse(request, "admin/recommendations/try.html", page)


def _pressed(given: QueryDict) -> Pressed:
    fields = given.copy()
    for template in templates():
        if template.key == given.get("template"):
            words = given.get("prompts", "").rstrip()
            fields["prompts"] = f"{words}\n{template.prompt}".lstrip()
    words = given.get("q", "").strip()
    # Enter in any field presses the first button of the form, which is the one that finds tracks.
    repeated = "find" in given and words in ("", given.get("searched", ""))
    matches, more = _matching(words)
    return Pressed(
        fields=fields,
        seeds=tuple(_tracks(_kept(given, "seed", "add"))),
        disliked=tuple(_tracks(_kept(given, "disliked", "dislike"))),
        matches=tuple(matches),
        more=more,
        template="template" in given,
        wants_answer="go" in given or repeated,
    )


def _kept(given: QueryDict, listed: str, button: str) -> list[str]:
    """Ids that were chosen before, and the one that a button adds; without the one that another takes away."""
    ids = [*given.getlist(listed), *given.getlist(button)]
    return [one for one in ids if one != given.get("remove")][:MOST_SEEDS]


def _tracks(ids: list[str]) -> Iterator[Track]:
    """Tracks in the order of their ids, each once."""
    keys = [key for one in dict.fromkeys(ids) if (key := _uuid(one)) is not None]
    found = Track.objects.in_bulk(keys)
    yield from (found[key] for key in keys if key in found)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _matching(words: str) -> tuple[list[Track], int]:
    """The first tracks that words match, and how many more there are."""
    # PostgreSQL takes no NUL, not even to say that nothing matches.
    if not words or "\0" in words:
        return [], 0
    matching = Track.objects.present().matching(words)
    first = list(matching[:MOST_MATCHES])
    return first, matching.count() - MOST_MATCHES if len(first) == MOST_MATCHES else 0


def _forms(fields: QueryDict) -> dict[str, Any]:
    """Bound where somebody pressed anything, so that what was filled in stays."""
    given = fields or None
    return {
        "question": QuestionForm(given),
        "a": ConfigurationForm(given, prefix="a"),
        "b": ConfigurationForm(given, prefix="b"),
    }


def _answers(pressed: Pressed, forms: Mapping[str, Any]) -> dict[str, Any]:
    """What was found, or the sentence that says why nothing was."""
    given = forms["question"].cleaned_data
    a, b = (_configuration(forms[name]) for name in ("a", "b"))
    request = _request(pressed, given)
    try:
        if given["compare"]:
            return {"comparison": compare(request, a, b, store=vector_store())}
        return {"answer": answer(a.applied(request), store=vector_store(), door=DOOR)}
    except (Refused, BackendUnavailable) as reason:
        return {"reason": str(reason)}


def _configuration(form: ConfigurationForm) -> Configuration:
    return form.configuration()


def _request(pressed: Pressed, given: Mapping[str, Any]) -> Request:
    return Request(
        mode="custom" if pressed.seeds or not given["prompts"] else "text",
        limit=given["count"] or 10,
        user=given["user"],
        seeds=[Seed(key=str(track.pk)) for track in pressed.seeds],
        prompts=[Prompt(text=words) for words in given["prompts"]],
        dislikes=Dislikes(track_ids=[str(track.pk) for track in pressed.disliked]),
        negatives=Negatives(prompts=[Prompt(text=words) for words in given["without"]]),
    )
