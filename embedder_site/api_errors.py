"""Turns errors into answers: `{"error": {"code", "message"}}` with the status that says whose fault it is."""

from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from embeddings.errors import (
    BackendUnavailable,
    CheckpointRefused,
    JobAlreadyActive,
    NotEmbedded,
    NotFound,
    NotPossibleNow,
    Refused,
)

RETRY_SECONDS = 10
STATUSES: dict[type[Refused], int] = {
    NotFound: status.HTTP_404_NOT_FOUND,
    NotEmbedded: status.HTTP_404_NOT_FOUND,
    JobAlreadyActive: status.HTTP_409_CONFLICT,
    NotPossibleNow: status.HTTP_409_CONFLICT,
    CheckpointRefused: status.HTTP_503_SERVICE_UNAVAILABLE,
}


@csrf_exempt
def nothing_here(_request: HttpRequest) -> JsonResponse:
    """Answer addresses that do not exist in the form of the API, whatever the method."""
    return JsonResponse(_error("not_found", "There is nothing at this address."), status=status.HTTP_404_NOT_FOUND)


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None lets an error of ours fail loudly as a 500."""
    if isinstance(error, BackendUnavailable):
        answer = _answer("backend_unavailable", str(error), status.HTTP_503_SERVICE_UNAVAILABLE)
        answer["Retry-After"] = str(RETRY_SECONDS)
        return answer
    if isinstance(error, Refused):
        return _answer(error.code, str(error), STATUSES.get(type(error), status.HTTP_400_BAD_REQUEST))
    if isinstance(error, Http404):
        return _answer("not_found", "There is nothing at this address.", status.HTTP_404_NOT_FOUND)
    answered = exception_handler(error, context)
    if answered is not None:
        answered.data = {"error": _of_framework(error, answered.data)}
    return answered


def _answer(code: str, message: str, status_code: int) -> Response:
    return Response(_error(code, message), status=status_code)


def _error(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


def _of_framework(error: Exception, detail: Any) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return {"code": "invalid", "message": "The request is not valid; see detail.", "detail": detail}
    code = error.default_code if isinstance(error, exceptions.APIException) else "error"
    message = detail.get("detail", str(error)) if isinstance(detail, dict) else str(error)
    return {"code": str(code), "message": str(message)}
