"""An experiment in a real browser, by an owner who is no superuser: started by a button, and its result looked at.

With LUKHAS_TESTS_SCREENSHOTS=docs/images the picture of docs/experiments.md is taken anew.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.async_api import expect

from accounts.models import User
from analytics.models import Experiment
from features.models import Flag
from tests.analytics.experimental import expose, happen, make, make_flag, names
from tests.browser.conftest import Visit
from tests.browser.test_control_plane_chromium import Hand, owner, pictures
from tests.browser.test_usage_chromium import sign_in
from tests.serving import Server

__all__ = ["owner", "pictures"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def draft(database: None) -> Experiment:
    return make(
        make_flag("green-button"),
        name="Green button",
        hypothesis="A green button is clicked more often than a grey one.",
        planned_end=timezone.now() + timedelta(days=14),
    )


def visited(experiment: Experiment) -> None:
    """Visitors of two weeks, one of twenty of whom a green button makes click."""
    Experiment.objects.update(started_at=timezone.now() - timedelta(days=14))
    experiment.refresh_from_db()
    began = timezone.now() - timedelta(days=1)
    for variant, count, hits in (("on", 988, 262), ("off", 1012, 205)):
        units = names(variant, count)
        expose(experiment, variant, units, began)
        happen(units[:hits], began + timedelta(hours=1))


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_an_experiment_is_started_and_its_result_is_looked_at(
    owner: User, draft: Experiment, visit: Visit, site: Server, pictures: Path
) -> None:
    page = visit.page
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1440, "height": 1000})
    await sign_in(hand)
    await page.locator("a[href='/admin/analytics/experiment/']").first.click()
    await page.get_by_role("link", name="Green button").click()
    await page.get_by_role("link", name="Start").click()
    await page.get_by_role("button", name="Yes, I’m sure").click()
    await expect(page.get_by_text("Started: 1.")).to_be_visible()
    assert (await asyncio.to_thread(Flag.objects.get)).raw_exposures

    await page.get_by_role("link", name="Green button").click()
    await page.get_by_role("link", name="Results").click()
    await expect(page.get_by_text("No unit has got a variant.")).to_be_visible()
    await expect(page.get_by_text("There is nothing to compare yet.")).to_be_visible()
    await asyncio.to_thread(visited, draft)
    await page.reload()
    await expect(page.get_by_role("img", name="Difference from off")).to_be_visible()
    row = page.get_by_role("table", name="The variants, each against off").get_by_role("row").last
    await expect(row).to_contain_text("beyond chance")
    await expect(page.get_by_text("They are split as they should be")).to_be_visible()
    await hand.picture("experiment-results")

    # Narrow, and nothing goes beyond the edge.
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
