"""Reads JSON bodies that may hold vectors, and no more than that."""

from io import BytesIO
from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, JSONParser

MOST_BYTES = 16 * 2**20
"""Some ten of the longest vectors, written with all their digits."""


class BodyTooLarge(APIException):
    """There is more than anybody needs to say."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"A body may have {MOST_BYTES // 2**20} MiB."


class LengthRequired(APIException):
    """A body came in pieces; the framework would take it for none."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = "Say how long the body is: send Content-Length."


class BoundedJSONParser(BaseParser):
    """Stops reading where a body is too long, and refuses what is nested too deeply to be read.

    No `JSONParser` itself: what is one is given bodies of Django's limit for forms only.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Read the body, whatever length it claims."""
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise BodyTooLarge
        try:
            return JSONParser().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error - it is nested too deeply.") from None
