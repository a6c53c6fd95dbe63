"""Generations in the REST API: who may do what, what is answered, and what is kept of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from embeddings.models import AuditEntry, Generation, Verification, VerificationState
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.built import built, some_tracks
from tests.embeddings.jobs.weighted import WEIGHTED

pytestmark = pytest.mark.django_db(transaction=True)
CHECK = {"name": "coverage", "passed": False, "value": 0.6, "bar": 0.98, "sentence": "It holds 3 of 5 tracks."}


@pytest.fixture
def newer(weights: Path, queue: None, store: VectorStore) -> Iterator[Generation]:
    """One that is built beside a live one."""
    tracks = some_tracks(3)
    built(store, tracks, state="live")
    yield built(store, tracks, state="building")
    store.remove_alias(WEIGHTED.alias)


def client(*permissions: str) -> APIClient:
    """A client that sends the token of a member of the staff who has these permissions."""
    user = User.objects.create_user(f"ben {' '.join(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {Token.objects.create(user=user).key}")
    return made


def post(caller: APIClient, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    answer = caller.post(f"/api/v1/{path}", body or {}, format="json")
    return answer.status_code, answer.json()


def states() -> list[str]:
    return list(Generation.objects.order_by("number").values_list("state", flat=True))


def deeds() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "door", "subject"))


def test_whoever_has_a_token_reads_and_changes_nothing(newer: Generation) -> None:
    reader = client("change_batchjob")
    assert APIClient().get("/api/v1/generations").status_code == 401
    assert reader.get("/api/v1/generations/").json()["count"] == 2
    for path in (f"generations/{newer}/verify", f"generations/{newer}/promote", "models/weighted/rollback"):
        assert post(reader, path)[0] == 403
    assert (states(), deeds()) == (["live", "building"], [])


def test_generations_are_listed_with_what_they_hold(newer: Generation) -> None:
    reader = client()
    first, second = reader.get("/api/v1/generations?model=weighted").json()["results"]
    assert (first["collection"], first["state"], first["tracks"]) == (newer.collection, "building", 3)
    assert (second["number"], second["state"], second["jointDimension"]) == (newer.number - 1, "live", 2)
    assert reader.get("/api/v1/generations?model=acoustic").json()["count"] == 0


@pytest.mark.parametrize("name", ["{0}", "weighted:{0.number}", "weighted"])
def test_one_is_shown_under_each_of_its_names_with_its_newest_report(newer: Generation, name: str) -> None:
    Verification.objects.create(generation=newer, state=VerificationState.FAILED, checks=[CHECK])
    shown = client().get(f"/api/v1/generations/{name.format(newer)}").json()
    assert (shown["collection"], shown["verification"]["state"]) == (newer.collection, "failed")
    assert shown["verification"]["checks"] == [CHECK]


def test_what_does_not_exist_is_not_found(newer: Generation) -> None:
    answer = client().get("/api/v1/generations/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_verification_is_asked_for_and_shown(newer: Generation) -> None:
    status, shown = post(client("change_generation"), f"generations/{newer}/verify")
    assert (status, shown["verification"]["state"]) == (202, "requested")
    assert Verification.objects.get().generation == newer
    assert deeds() == [("verify", "api", newer.collection)]


def test_what_is_not_verified_is_promoted_with_a_reason_and_gone_back_from(
    newer: Generation, store: VectorStore
) -> None:
    caller, path = client("change_generation"), f"generations/{newer}/promote"
    status, refused = post(caller, path)
    assert (status, refused["error"]["code"]) == (409, "not_possible_now")
    status, live = post(caller, path, {"force": True, "because": "it sounds better"})
    assert (status, live["state"], live["forcedBecause"]) == (200, "live", "it sounds better")
    assert store.alias_target(WEIGHTED.alias) == newer.collection
    status, back = post(caller, "models/weighted/rollback")
    assert (status, back["number"], back["state"]) == (200, newer.number - 1, "live")
    assert (states(), [action for action, _, _ in deeds()]) == (["live", "retired"], ["promote", "rollback"])


@pytest.mark.parametrize("body", [{"force": True}, {"because": "so"}, {"force": True, "because": " "}, {"why": "so"}])
def test_force_and_its_reason_belong_together(newer: Generation, body: dict[str, Any]) -> None:
    status, refused = post(client("change_generation"), f"generations/{newer}/promote", body)
    assert (status, refused["error"]["code"]) == (400, "invalid")
    assert states() == ["live", "building"]


def test_without_anything_to_go_back_to_nothing_happens(newer: Generation) -> None:
    caller = client("change_generation")
    status, refused = post(caller, "models/weighted/rollback")
    assert (status, refused["error"]["code"]) == (409, "not_possible_now")
    assert post(caller, "models/vggish/rollback")[1]["error"]["code"] == "unknown_model"


def test_a_store_that_is_away_is_a_503(newer: Generation, settings: Any) -> None:
    settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = "http://127.0.0.1:9", 2.0
    status, refused = post(client("change_generation"), "models/weighted/rollback")
    assert (status, refused["error"]["code"]) == (503, "backend_unavailable")
    assert states() == ["live", "building"]
