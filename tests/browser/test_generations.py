"""A generation's page while it is examined: it shows the report, and takes nothing away from whoever writes."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from embeddings.domain import Actor
from embeddings.models import Generation, GenerationState, Verification, VerificationState
from tests.embeddings.models.rows import SPEC

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_reason_that_is_being_written_stays_until_it_is_sent_or_put_away(admin_page: Page, live_server: Any) -> None:
    generation = Generation.objects.open(SPEC, state=GenerationState.BUILDING)
    Verification.objects.request(generation, Actor(name="ada", door="admin"))
    admin_page.clock.install()
    admin_page.goto(f"{live_server.url}/admin/embeddings/generation/{generation.pk}/change/")
    admin_page.get_by_text("Promote it without verification").click()
    admin_page.get_by_label("Why it is to be searched").fill("half a reason")
    Verification.objects.update(state=VerificationState.PASSED)
    admin_page.clock.fast_forward(10_000)
    expect(admin_page.get_by_label("Why it is to be searched")).to_have_value("half a reason")
    expect(admin_page.locator(".state-requested")).to_be_visible()
    admin_page.get_by_text("Promote it without verification").click()
    admin_page.clock.fast_forward(10_000)
    expect(admin_page.locator(".state-passed")).to_be_visible()
