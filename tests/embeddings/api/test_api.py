"""The REST API: who may do what, and the shape of answers and errors."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from embeddings.models import BatchJob, JobState, ResultState, SliceRecord, Track, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)


def client(*, staff: bool) -> APIClient:
    """A client that sends a token."""
    user = User.objects.create_user(f"staff-{staff}", is_staff=staff)
    if staff:
        user.user_permissions.set(Permission.objects.filter(content_type__model="batchjob"))
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {Token.objects.create(user=user).key}")
    return made


def error_of(answer: Any) -> str:
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["message"]
    return str(answer.json()["error"]["code"])


@pytest.mark.parametrize("path", ["jobs", "tracks", "models", "tracks/1/similar"])
def test_nobody_reads_without_a_token(path: str) -> None:
    answer = APIClient().get(f"/api/v1/{path}")
    assert (answer.status_code, error_of(answer)) == (401, "not_authenticated")


def test_only_staff_starts_jobs(queue: None) -> None:
    answer = client(staff=False).post("/api/v1/jobs", {}, format="json")
    assert (answer.status_code, error_of(answer)) == (403, "permission_denied")
    assert not BatchJob.objects.exists()


def test_staff_without_the_permission_starts_nothing(queue: None) -> None:
    staff = client(staff=True)
    User.objects.get(is_staff=True).user_permissions.clear()
    assert staff.post("/api/v1/jobs", {}, format="json").status_code == 403
    assert staff.get("/api/v1/jobs").status_code == 200


@pytest.mark.parametrize("path", ["nonsense", "jobs/abc", "jobs/1/explode", "jobs/99/cancel"])
def test_an_address_that_does_not_exist_answers_in_the_same_form(path: str) -> None:
    answer = client(staff=True).post(f"/api/v1/{path}", {}, format="json")
    assert (answer.status_code, error_of(answer)) == (404, "not_found")


def test_a_job_is_started_shown_and_listed(queue: None) -> None:
    staff = client(staff=True)
    started = staff.post("/api/v1/jobs", {"scope": "all", "models": ["acoustic"]}, format="json")
    assert (started.status_code, started.json()["state"]) == (201, "planning")
    shown = staff.get(f"/api/v1/jobs/{started.json()['id']}/").json()
    assert shown["requestedBy"] == "staff-True"
    assert shown["progress"]["operations"]["total"] == 0
    assert staff.get("/api/v1/jobs").json()["count"] == 1


def test_a_second_job_is_a_conflict(queue: None) -> None:
    staff = client(staff=True)
    staff.post("/api/v1/jobs", {}, format="json")
    answer = staff.post("/api/v1/jobs", {}, format="json")
    assert (answer.status_code, error_of(answer)) == (409, "job_already_active")


@pytest.mark.parametrize(
    "body",
    [
        {"scop": "all"},
        {"artist": "Flare"},
        {"scope": "some"},
        {"models": ["vggish"]},
        {"scope": "selection"},
        {"models": 3},
    ],
)
def test_a_request_that_means_nothing_is_refused(body: dict[str, Any], queue: None) -> None:
    answer = client(staff=True).post("/api/v1/jobs", body, format="json")
    assert answer.status_code == 400
    assert error_of(answer) in {"invalid", "bad_selection"}


def test_broken_json_is_refused_in_the_same_form(queue: None) -> None:
    answer = client(staff=True).post("/api/v1/jobs", "{nonsense", content_type="application/json")
    assert (answer.status_code, error_of(answer)) == (400, "parse_error")


def test_cancel_pause_and_resume(queue: None) -> None:
    job, staff = running_job(3), client(staff=True)
    assert staff.post(f"/api/v1/jobs/{job.pk}/pause").json()["state"] == "paused"
    assert staff.post(f"/api/v1/jobs/{job.pk}/resume").json()["state"] == "running"
    assert staff.post(f"/api/v1/jobs/{job.pk}/cancel").json()["state"] == "cancelled"
    again = staff.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (again.status_code, error_of(again)) == (409, "not_possible_now")


def test_failures_are_listed_and_filtered(few: Path, work: Callable[[], None], store: VectorStore) -> None:
    next(few.rglob("*.ogg")).write_text("no song\n" * 500)
    staff = client(staff=True)
    number = staff.post("/api/v1/jobs", {}, format="json").json()["id"]
    work()
    failures = staff.get(f"/api/v1/jobs/{number}/failures?code=not_audio").json()
    assert failures["count"] == 1
    assert failures["results"][0]["path"].endswith(".ogg")
    assert staff.get(f"/api/v1/jobs/{number}/failures?code=other").json()["count"] == 0


def test_retry_failed_takes_codes(queue: None) -> None:
    job = running_job(2, state=JobState.COMPLETED_WITH_ERRORS)
    TrackResult.objects.update(state=ResultState.FAILED, failure_code="audio_missing")
    staff = client(staff=True)
    none = staff.post(f"/api/v1/jobs/{job.pk}/retry-failed", {"codes": ["not_audio"]}, format="json")
    assert none.status_code == 409
    some = staff.post(f"/api/v1/jobs/{job.pk}/retry-failed", {"codes": ["audio_missing"]}, format="json")
    assert some.json()["progress"]["operations"]["pending"] == 2


def test_tracks_are_found_by_words_and_shown_by_either_id(catalogue: list[Track]) -> None:
    anyone = client(staff=False)
    found = anyone.get("/api/v1/tracks?q=flare cave").json()
    assert [track["title"] for track in found["results"]] == ["Cave theme"]
    Track.objects.filter(pk=found["results"][0]["id"]).update(navidrome_id="abc")
    assert anyone.get("/api/v1/tracks/abc").json()["id"] == found["results"][0]["id"]
    assert error_of(anyone.get("/api/v1/tracks/nothing")) == "not_found"


def test_similar_tracks_come_nearest_first_without_the_track_itself(
    few: Path, work: Callable[[], None], store: VectorStore
) -> None:
    client(staff=True).post("/api/v1/jobs", {}, format="json")
    work()
    track = Track.objects.get(title="Cave theme")
    matches = client(staff=False).get(f"/api/v1/tracks/{track.pk}/similar?count=5").json()["matches"]
    scores = [match["similarity"] for match in matches]
    assert len(matches) == 5
    assert scores == sorted(scores, reverse=True)
    assert str(track.pk) not in {match["track"]["id"] for match in matches}


def test_similar_before_anything_is_embedded_says_so(catalogue: list[Track]) -> None:
    answer = client(staff=False).get(f"/api/v1/tracks/{catalogue[0].pk}/similar")
    assert (answer.status_code, error_of(answer)) == (404, "not_embedded")


def test_a_store_that_is_away_is_a_503_with_retry_after(catalogue: list[Track], settings: Any) -> None:
    from recommendations.store import vector_store

    running_job(1)
    settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = "http://127.0.0.1:9", 2.0
    vector_store.cache_clear()
    answer = client(staff=False).get(f"/api/v1/tracks/{catalogue[0].pk}/similar")
    vector_store.cache_clear()
    assert (answer.status_code, error_of(answer)) == (503, "backend_unavailable")
    assert answer["Retry-After"]


def test_a_new_generation_and_options_are_asked_for(queue: None) -> None:
    options = {"batchSize": 16, "maxRetries": 0, "delaySeconds": 0.5, "promote": False}
    started = client(staff=True).post("/api/v1/jobs", {"rebuild": True, "options": options}, format="json").json()
    assert (started["rebuild"], started["scope"]) == (True, "all")
    assert started["options"] == options | {"verify": True, "backup": False}
    assert BatchJob.objects.get().options["delay_seconds"] == 0.5


@pytest.mark.parametrize(
    "body",
    [
        {"rebuild": True, "scope": "failed"},
        {"rebuild": "perhaps"},
        {"options": {"batchSize": -1}},
        {"options": {"batch_size": 5}},
        {"options": {"delaySeconds": 1e9}},
    ],
)
def test_wishes_that_mean_nothing_are_refused(body: dict[str, Any], queue: None) -> None:
    answer = client(staff=True).post("/api/v1/jobs", body, format="json")
    assert (answer.status_code, error_of(answer)) == (400, "invalid")
    assert not BatchJob.objects.exists()


def test_a_job_tells_slices_memory_and_what_it_waits_for(queue: None) -> None:
    job = running_job(2)
    due = timezone.now() + timedelta(seconds=30)
    BatchJob.objects.mark_waiting(job.pk, "The store is away.", due)
    SliceRecord.objects.create(
        job=job,
        model="acoustic",
        worker="w",
        started_at=due,
        finished_at=due + timedelta(seconds=12),
        done=64,
        memory_mb=512.25,
    )
    progress = client(staff=False).get(f"/api/v1/jobs/{job.pk}").json()["progress"]
    assert (progress["slices"], progress["sliceSecondsMedian"], progress["memoryMb"]) == (1, 12.0, 512.25)
    assert (progress["stalled"], progress["lastTrack"], progress["waitingRetries"]) == (None, None, 0)
    assert progress["retryAt"].startswith(f"{due:%Y-%m-%dT%H:%M:%S}")
