"""Recommendations tried in a browser: seeds are found and chosen, and two lists fit on a phone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.recommendations.library import MadeLibrary
from tests.recommendations.served import served

__all__ = ["served"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_seeds_are_chosen_and_two_ways_compared(admin_page: Page, live_server: Any, served: MadeLibrary) -> None:
    admin_page.goto(f"{live_server.url}/admin/recommendations/try/")
    admin_page.get_by_label("Find tracks").fill("song 00.0")
    admin_page.get_by_label("Find tracks").press("Enter")
    admin_page.get_by_role("button", name="Choose Artist 00 - Song 00.0.1").click()
    expect(admin_page.get_by_role("list", name="Chosen tracks").get_by_role("listitem")).to_have_count(1)
    admin_page.get_by_label("Side by side").check()
    admin_page.locator("[name=b-diversity]").fill("0.9")
    admin_page.get_by_role("button", name="Recommend").click()
    expect(admin_page.get_by_role("region", name="First way").get_by_role("listitem")).to_have_count(10)
    expect(admin_page.get_by_text("Rank-biased overlap")).to_be_visible()
    assert admin_page.url == f"{live_server.url}/admin/recommendations/try/#result"
    expect(admin_page.get_by_role("heading", name="Two ways side by side")).to_be_in_viewport()
    admin_page.set_viewport_size({"width": 390, "height": 800})
    assert admin_page.evaluate("document.documentElement.scrollWidth") == 390
