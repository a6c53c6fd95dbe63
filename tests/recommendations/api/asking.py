"""Callers of the REST API."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework.test import APIClient


def client() -> APIClient:
    """Somebody with a token, and no more rights than that."""
    made = APIClient()
    made.force_authenticate(User.objects.get_or_create(username="reader")[0])
    return made


def post(address: str, body: Any) -> Any:
    """Send a body as JSON."""
    return client().post(f"/api/v1/{address}", body, format="json")


def error_of(answer: Any) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
