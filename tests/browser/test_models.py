"""What the admin says of models: workers at a job, licences where one chooses, and what vectors were made with."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from embeddings.models import BatchJob, Generation, JobState, WorkerState
from tests.embeddings.models.rows import running_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def say(job: BatchJob, sentence: str) -> None:
    WorkerState.objects.say(WorkerState(slot="slot-1", job=job, sentence=sentence))


def test_a_jobs_page_follows_what_its_workers_say(admin_page: Page, live_server: Any, queue: None) -> None:
    job = running_job(1)
    say(job, "Loading <b>muq</b>")
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/{job.pk}/change/")
    expect(admin_page.locator(".job-workers")).to_have_text("slot-1 Loading <b>muq</b>")
    say(job, "muq on cuda:0 (NVIDIA H200), bfloat16, batch 64")
    expect(admin_page.locator(".job-workers li")).to_have_text("slot-1 muq on cuda:0 (NVIDIA H200), bfloat16, batch 64")


def test_a_job_that_failed_as_a_whole_can_be_tried_again(admin_page: Page, live_server: Any, queue: None) -> None:
    job = running_job(1, state=JobState.FAILED)
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/{job.pk}/change/")
    admin_page.get_by_role("button", name="Try again").click()
    expect(admin_page.locator("[data-field=state]")).to_have_text("planning", ignore_case=True)


def test_licences_stand_where_models_are_chosen(admin_page: Page, live_server: Any, queue: None) -> None:
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/add/")
    label = admin_page.locator("label", has_text="MuQ-MuLan")
    expect(label).to_contain_text("weights: CC BY-NC 4.0, no commercial use")


def test_a_generation_says_what_its_vectors_were_made_with(admin_page: Page, live_server: Any, queue: None) -> None:
    running_job(1)
    Generation.objects.update(
        model="muq", checkpoint="c0ffee" * 10, precision="bfloat16", packages="muq 0.1.0", joint_dimension=512
    )
    admin_page.goto(f"{live_server.url}/admin/embeddings/generation/")
    expect(admin_page.locator("#result_list tbody tr")).to_contain_text("c0ffeec0, bfloat16")
    assert admin_page.locator(".results").evaluate("box => box.scrollWidth <= box.clientWidth")
    admin_page.locator("#result_list tbody a").click()
    for words in ("c0ffee" * 10, "bfloat16", "muq 0.1.0", "+ 512", "CC BY-NC 4.0 (no commercial use)"):
        expect(admin_page.locator("#content")).to_contain_text(words)
