"""The page of a job, its charts, the form that starts one, and the audit, as a browser without scripts sees them."""

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from embeddings.domain import Actor
from embeddings.jobs import control
from embeddings.models import AuditEntry, BatchJob, Generation, JobState, ResultState, SliceRecord, TrackResult
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)
ADA = Actor(name="ada", door="admin")


@pytest.fixture
def admin(queue: None) -> Client:
    """A signed-in administrator."""
    signed_in = Client()
    signed_in.force_login(User.objects.create_superuser("root"))
    return signed_in


def page_of(job: BatchJob, part: str = "change") -> str:
    return f"/admin/embeddings/batchjob/{job.pk}/{part}/"


def with_history(job: BatchJob) -> None:
    for minute in range(10):
        start = job.created_at + timedelta(minutes=minute)
        SliceRecord.objects.create(
            job=job, model="acoustic", worker="w", started_at=start, finished_at=start + timedelta(seconds=55), done=64
        )


def buttons(admin: Client, job: BatchJob) -> list[str]:
    return re.findall(r'<button class="button[^"]*" type="submit">([^<]+)', admin.get(page_of(job)).content.decode())


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (JobState.PLANNING, ["Cancel"]),
        (JobState.RUNNING, ["Pause", "Cancel"]),
        (JobState.WAITING, ["Try now", "Pause", "Cancel"]),
        (JobState.PAUSED, ["Resume", "Cancel"]),
        (JobState.CANCELLING, []),
        (JobState.FAILED, ["Try again"]),
        (JobState.COMPLETED, []),
    ],
)
def test_buttons_do_what_may_be_done_now(admin: Client, state: str, expected: list[str]) -> None:
    assert buttons(admin, running_job(1, state=state)) == expected


def test_a_waiting_job_says_why_and_when_and_goes_on_at_once(admin: Client) -> None:
    job = running_job(1)
    due = timezone.now() + timedelta(minutes=1)
    BatchJob.objects.mark_waiting(job.pk, "Waiting: the vector store does not answer.", due)
    page = admin.get(page_of(job)).content.decode()
    assert "the vector store does not answer" in page
    assert f"Tries again by itself at {due:%H:%M:%S} UTC." in page
    admin.post(page_of(job, "do/resume"))
    job.refresh_from_db()
    assert job.state == JobState.RUNNING


def test_charts_are_drawings_with_words_and_a_table(admin: Client) -> None:
    job = running_job(2)
    with_history(job)
    TrackResult.objects.filter(job=job).update(state=ResultState.FAILED, failure_code="not_audio")
    fragment = admin.get(page_of(job, "charts")).content.decode()
    drawings = [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", fragment, re.DOTALL)]
    assert [drawing.find("title").text for drawing in drawings] == [  # type: ignore[union-attr]
        "Operations per minute",
        "Seconds per slice",
        "Failures by class",
    ]
    for drawing in drawings:
        said = [drawing.find(f"*[@id='{name}']") for name in drawing.attrib["aria-labelledby"].split()]
        assert all(element is not None and element.text for element in said)
    assert fragment.count("<table>") == 3
    assert "640 operations from " in fragment
    assert "http" not in fragment


def test_the_page_holds_the_same_charts(admin: Client) -> None:
    job = running_job(1)
    assert b"as soon as the first slice is done" in admin.get(page_of(job)).content
    with_history(job)
    assert admin.get(page_of(job, "charts")).content.strip() in admin.get(page_of(job)).content


def test_charts_of_no_job_are_not_found_and_strangers_see_none(admin: Client) -> None:
    job = running_job(1)
    assert admin.get("/admin/embeddings/batchjob/999/charts/").status_code == 404
    clerk = Client()
    clerk.force_login(User.objects.create_user("clerk", is_staff=True))
    assert clerk.get(page_of(job, "charts")).status_code == 403


def test_who_did_what_stands_on_the_job(admin: Client) -> None:
    job = running_job(1)
    control.pause_job(job, by=ADA)
    page = admin.get(page_of(job)).content.decode()
    assert re.search(r"<td>ada \(admin\)</td><td>pause</td>", page)
    assert f'href="/admin/embeddings/auditentry/?job__id__exact={job.pk}"' in page


def start(admin: Client, **fields: Any) -> Any:
    return admin.post("/admin/embeddings/batchjob/add/", {"scope": "missing", "models": ["acoustic"], **fields})


def test_a_new_generation_is_asked_for_in_the_form(admin: Client) -> None:
    assert start(admin, rebuild="on").status_code == 302
    job = BatchJob.objects.get()
    assert (job.rebuild, job.scope, job.requested_by) == (True, "all", "root")


def test_a_new_generation_of_a_part_is_refused(admin: Client) -> None:
    assert b"takes the whole library" in start(admin, scope="failed", rebuild="on").content
    assert not BatchJob.objects.exists()


def test_the_audit_is_searched_and_filtered(admin: Client) -> None:
    control.pause_job(running_job(1), by=ADA)
    generation = Generation.objects.get()
    AuditEntry.objects.note("promote", ADA, generation=generation, details={"because": "ears say so", "force": True})
    listed = admin.get("/admin/embeddings/auditentry/?q=ears").content.decode()
    # PostgreSQL keeps the fields of details in an order of its own.
    assert "because: ears say so" in listed
    assert "force: yes" in listed
    assert f"/admin/embeddings/generation/{generation.pk}/change/" in listed
    assert 'field-action">pause<' not in listed
    found = admin.get("/admin/embeddings/auditentry/?door__exact=admin&action=pause").content.decode()
    assert 'field-action">pause<' in found


def test_nobody_changes_or_deletes_the_audit(admin: Client) -> None:
    control.pause_job(running_job(1), by=ADA)
    entry = AuditEntry.objects.get()
    place = f"/admin/embeddings/auditentry/{entry.pk}"
    assert admin.post(f"{place}/delete/", {"post": "yes"}).status_code == 403
    assert admin.post(f"{place}/change/", {"actor": "eve"}).status_code == 403
    assert admin.post("/admin/embeddings/auditentry/add/", {}).status_code == 403
    admin.post("/admin/embeddings/auditentry/", {"action": "delete_selected", "_selected_action": [entry.pk]})
    entry.refresh_from_db()
    assert entry.actor == "ada"


def test_an_entry_outlives_what_it_is_about(admin: Client) -> None:
    job = running_job(1)
    control.cancel_job(job, by=ADA)
    name = str(job)
    job.delete()
    entry = AuditEntry.objects.get()
    assert (entry.job_id, entry.subject) == (None, name)
    assert name in admin.get(f"/admin/embeddings/auditentry/{entry.pk}/change/").content.decode()


def test_pages_that_nobody_edits_lead_to_no_empty_history(admin: Client) -> None:
    result = running_job(1).results.get()
    for kind, pk in (("track", result.track_id), ("trackresult", result.pk), ("generation", result.generation_id)):
        page = admin.get(f"/admin/embeddings/{kind}/{pk}/change/").content.decode()
        assert "/history/" not in page
        assert ("generation__id__exact=" in page) == (kind == "generation")


def test_who_may_not_change_jobs_sees_no_buttons(queue: None) -> None:
    reader = Client()
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_batchjob"))
    reader.force_login(user)
    job = running_job(1)
    assert buttons(reader, job) == []
    assert reader.post(page_of(job, "do/pause")).status_code == 403
