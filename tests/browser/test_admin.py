"""What a person does in the admin: start a job, watch it, read its failures, retry, look at neighbours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from embeddings.models import BatchJob, JobState, Track
from embeddings.store.base import VectorStore
from tests.embeddings.models.rows import running_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Work = Callable[[], None]


def start_from_form(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/embeddings/batchjob/add/")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/change/")


def test_a_job_started_from_the_form_is_watched_to_its_end(
    admin_page: Page, live_server: Any, few: Path, work: Work, store: VectorStore
) -> None:
    next(few.rglob("*.ogg")).write_text("not a song\n" * 500)
    start_from_form(admin_page, live_server.url)
    expect(admin_page.locator("[data-field=state]")).to_have_text("planning")
    work()
    expect(admin_page.locator("[data-field=state]")).to_have_text("completed with errors", ignore_case=True)
    expect(admin_page.locator("[data-field=done]")).to_have_text("7")
    expect(admin_page.get_by_role("heading", name="1 × not_audio")).to_be_visible()
    expect(admin_page.locator(".job-failures").first).to_contain_text(".ogg")


def test_failed_tracks_are_retried_by_a_button(
    admin_page: Page, live_server: Any, few: Path, work: Work, store: VectorStore
) -> None:
    broken = next(few.rglob("*.ogg"))
    broken.write_text("not a song\n" * 500)
    start_from_form(admin_page, live_server.url)
    work()
    broken.write_bytes(next(few.rglob("*.flac")).read_bytes())
    admin_page.get_by_role("button", name="Retry failed").click()
    work()
    expect(admin_page.locator("[data-field=state]")).to_have_text("completed", ignore_case=True)
    assert BatchJob.objects.get().state == JobState.COMPLETED


def test_a_running_job_is_cancelled_by_a_button(admin_page: Page, live_server: Any, queue: None) -> None:
    job = running_job(4)
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/{job.pk}/change/")
    admin_page.get_by_role("button", name="Cancel").click()
    expect(admin_page.locator("[data-field=state]")).to_have_text("cancelled", ignore_case=True)
    expect(admin_page.locator("[data-field=cancelled]")).to_have_text("4")


def test_a_second_job_is_refused_with_a_sentence(admin_page: Page, live_server: Any, queue: None) -> None:
    running_job(1)
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/add/")
    admin_page.get_by_role("button", name="Start").click()
    expect(admin_page.locator(".errornote, .errorlist")).to_contain_text("wait for it or cancel it first")


def test_a_track_shows_what_sounds_like_it(
    admin_page: Page, live_server: Any, few: Path, work: Work, store: VectorStore
) -> None:
    start_from_form(admin_page, live_server.url)
    work()
    # The page reloads once when its job ends; going elsewhere at that moment would be interrupted.
    expect(admin_page.locator("#job[data-active=false]")).to_be_attached()
    track = Track.objects.get(title="Cave theme")
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/?q=cave")
    admin_page.get_by_role("link", name="Cave theme").click()
    expect(admin_page.locator(".neighbours tbody tr")).to_have_count(7)
    expect(admin_page.locator(".neighbours")).not_to_contain_text(track.name)
    Track.objects.update(title="Twin", artist="")
    admin_page.reload()
    expect(admin_page.locator(".neighbours .quiet")).to_have_count(7)


def test_markup_in_tags_is_shown_as_text(admin_page: Page, live_server: Any, queue: None) -> None:
    job = running_job(1)
    Track.objects.update(title="<img src=x onerror=console.error('run')>", artist="<b>bold</b>")
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/")
    expect(admin_page.locator("#result_list")).to_contain_text("<b>bold</b>")
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/{job.pk}/change/")
    expect(admin_page.locator("#job")).to_be_visible()
