"""What a person reads in the admin: lists that fit the screen, a track's standing, a job that was cancelled."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from embeddings.errors import TrackError
from embeddings.models import BatchJob, Done, Failed, ResultState, Track, TrackFailure, TrackResult, TrackVector
from tests.embeddings.models.rows import lease, running_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SENTENCE = (
    "The file ends in the middle of a frame; it was cut short when it was copied, and nothing of it can be heard."
)


@pytest.fixture
def cancelled(queue: None) -> BatchJob:
    """A job that ended early: of four tracks one is embedded with a remark, one failed, two were not tried."""
    job = running_job(4)
    Track.objects.update(title="A Long Enough Title of a Piece", artist="An Orchestra", album="Recordings")
    hold = lease(job)
    done, failed = TrackResult.objects.claim(hold, model="acoustic", limit=2)
    vector = TrackVector(generation=done.generation, track=done.track, signature="1-1")
    TrackVector.objects.record([vector])
    TrackResult.objects.mark_done(
        hold, [Done(result=done, seconds=1, audio_seconds=1, warning="Half of it is silent.")]
    )
    TrackResult.objects.mark_failed(hold, [Failed.of(failed, TrackError(SENTENCE))])
    TrackFailure.objects.update(path="An Orchestra/Recordings of a long night/01 - A Long Enough Title of a Piece.flac")
    TrackResult.objects.filter(state=ResultState.PENDING).update(state=ResultState.CANCELLED)
    BatchJob.objects.mark_cancelling(job.pk)
    BatchJob.objects.mark_cancelled(job.pk)
    return job


@pytest.mark.parametrize("rows", ["batchjob", "track", "trackresult", "trackfailure", "generation"])
def test_a_list_fits_a_laptop(admin_page: Page, live_server: Any, cancelled: BatchJob, rows: str) -> None:
    admin_page.goto(f"{live_server.url}/admin/embeddings/{rows}/")
    expect(admin_page.locator("h1", has_text="select")).to_have_count(0)
    assert admin_page.locator(".results").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_tracks_are_filtered_by_whether_their_file_is_there(
    admin_page: Page, live_server: Any, cancelled: BatchJob
) -> None:
    Track.objects.filter(path="0000.mp3").update(missing_since=timezone.now())
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/")
    admin_page.locator("#changelist-filter").get_by_role("link", name="missing").click()
    expect(admin_page.locator("#result_list tbody tr")).to_have_count(1)


def test_a_phone_shows_progress_without_scrolling(admin_page: Page, live_server: Any, cancelled: BatchJob) -> None:
    admin_page.set_viewport_size({"width": 390, "height": 800})
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/")
    box = admin_page.locator(".field-bar").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


def test_a_cancelled_job_does_not_look_finished(admin_page: Page, live_server: Any, cancelled: BatchJob) -> None:
    admin_page.goto(f"{live_server.url}/admin/embeddings/batchjob/")
    expect(admin_page.locator(".field-bar")).to_have_text("2/4")
    admin_page.goto(f"{live_server.url}/admin/")
    expect(admin_page.locator(".newest-job")).to_contain_text("2/4")
    expect(admin_page.locator(".module caption").first).to_have_text("Embeddings", ignore_case=True)


def test_a_track_says_when_it_was_embedded_or_why_not(
    admin_page: Page, live_server: Any, cancelled: BatchJob, store: Any
) -> None:
    embedded, failed = TrackVector.objects.get().track, TrackFailure.objects.get().track
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/{embedded.pk}/change/")
    expect(admin_page.locator(".by-model tr", has_text="acoustic")).to_contain_text("Half of it is silent.")
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/{failed.pk}/change/")
    expect(admin_page.locator(".by-model tr", has_text="acoustic")).to_contain_text(SENTENCE)


def test_a_failed_track_says_so_instead_of_its_neighbours(
    admin_page: Page, live_server: Any, cancelled: BatchJob, store: Any
) -> None:
    track = TrackFailure.objects.get().track
    admin_page.goto(f"{live_server.url}/admin/embeddings/track/{track.pk}/change/")
    expect(admin_page.get_by_text(f"Could not be embedded: {SENTENCE}")).to_be_visible()


def test_a_traceback_is_shown_only_on_request(admin_page: Page, live_server: Any, cancelled: BatchJob) -> None:
    TrackFailure.objects.update(traceback="Traceback (most recent call last)")
    admin_page.goto(f"{live_server.url}/admin/embeddings/trackfailure/{TrackFailure.objects.get().pk}/change/")
    expect(admin_page.locator("pre")).to_be_hidden()
    admin_page.get_by_text("For a bug report").click()
    expect(admin_page.locator("pre")).to_be_visible()
