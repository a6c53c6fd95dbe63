"""Recommendations: parse, call the engine once, serialize."""

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommendations.api.asking import CompareIn, RequestIn
from recommendations.api.fields import CamelSerializer
from recommendations.api.nouns import configuration_of, path_of, request_of
from recommendations.api.parsing import BoundedJSONParser, LengthRequired
from recommendations.api.wandering import PathIn, RadioIn
from recommendations.comparing import compare
from recommendations.logbook.answering import answer
from recommendations.modes import MODES
from recommendations.paths import find_path
from recommendations.prompt_templates import templates
from recommendations.radio import WINDOW, continue_radio
from recommendations.store import vector_store
from recommendations.telling import answer_out, comparison_out, mode_out, path_out

DOOR = "api"


class RecommendView(APIView):
    """A list for seeds, prompts and everything else that a request may say."""

    parser_classes = [BoundedJSONParser]

    def post(self, request: Request) -> Response:
        """Recommend."""
        asked = request_of(_valid(RequestIn, request))
        return Response(answer_out(answer(asked, store=vector_store(), door=DOOR)))


class CompareView(APIView):
    """The same request under two configurations."""

    parser_classes = [BoundedJSONParser]

    def post(self, request: Request) -> Response:
        """Recommend twice."""
        given = _valid(CompareIn, request)
        found = compare(
            request_of(given["request"]),
            configuration_of(given.get("a", {})),
            configuration_of(given.get("b", {})),
            store=vector_store(),
            k=given.get("k"),
        )
        return Response(comparison_out(found))


class PathView(APIView):
    """The way from one track to another."""

    parser_classes = [BoundedJSONParser]

    def post(self, request: Request) -> Response:
        """Find it."""
        return Response(path_out(find_path(path_of(_valid(PathIn, request)), store=vector_store())))


class RadioView(APIView):
    """What comes next."""

    parser_classes = [BoundedJSONParser]

    def post(self, request: Request) -> Response:
        """Continue."""
        given = _valid(RadioIn, request)
        window = given.get("window", WINDOW)
        found = continue_radio(request_of(given), given.get("played", ()), store=vector_store(), window=window)
        return Response(answer_out(found))


class TemplatesView(APIView):
    """Prompts that ship with the project."""

    def get(self, request: Request) -> Response:
        """List them, group by group."""
        return Response({"results": [asdict(template) for template in templates()]})


class ModesView(APIView):
    """The ways to listen, and what each means in numbers."""

    def get(self, request: Request) -> Response:
        """List them."""
        return Response({"results": [mode_out(mode) for mode in MODES.values()]})


def _valid(body: type[CamelSerializer], request: Request) -> dict[str, Any]:
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthRequired
    wanted = body(data=request.data, context={"request": request})
    wanted.is_valid(raise_exception=True)
    validated: dict[str, Any] = wanted.validated_data
    return validated
