"""The pages "Usage" and "Event charts" over a month of made-up traffic, in a real browser, by an owner who is no
superuser: with the mouse, by the keyboard alone, in the light and in the dark, wide and narrow.

With LUKHAS_TESTS_SCREENSHOTS=docs/images the pictures of docs/dashboard.md are taken anew.
"""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.async_api import expect

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Project, ServiceAccount, User
from analytics.draining import store
from features.bootstrap import ensure_environment
from features.models import Flag, FlagState
from tests.analytics.month import FLAG, month, sources
from tests.analytics.month_of_events import month_of_events
from tests.browser.conftest import Visit
from tests.browser.test_control_plane_chromium import NAME, PASSWORD, Hand, owner, pictures
from tests.serving import Server

__all__ = ["owner", "pictures"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = {
    "Web shop": ("Checkout", "Mobile app"),
    "Support": ("Help desk", "Mail"),
    "Search": ("Indexer", "Queries"),
}


@pytest.fixture
def traffic(database: None) -> None:
    """A month of it, of three projects with two keys each."""
    home = ensure_defaults()[0]
    projects = []
    for name, keys in NAMES.items():
        project = Project.objects.create(organization=home, name=name)
        robot = ServiceAccount.objects.create(project=project, name="robot")
        made = [ApiKey.issue(name=key, organization=home, project=project, service_account=robot)[0] for key in keys]
        projects.append((project.public_id, [key.public_id for key in made]))
    flag = Flag.objects.create(
        organization=home, key=FLAG, kind="string", variants={"current": "assistant-large", "next": "assistant-next"}
    )
    FlagState.objects.create(flag=flag, environment=ensure_environment(), enabled=True, default_variant="current")
    store(list(month(timezone.now(), home.public_id, sources(projects))))


async def sign_in(hand: Hand) -> None:
    await hand.fill(username=NAME, password=PASSWORD)
    await hand.page.locator("[type=submit]").click()
    await hand.page.wait_for_url("**/admin/")


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_a_month_of_usage_is_looked_at(
    owner: User, traffic: None, visit: Visit, site: Server, pictures: Path
) -> None:
    page = visit.page
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1440, "height": 1180})
    await sign_in(hand)
    await page.locator("a[href='/admin/usage/']").click()
    await page.get_by_role("link", name="30d").click()
    await expect(page.get_by_role("img", name="Requests per day", exact=True)).to_be_visible()
    await expect(page.locator(".lukhas-chart")).to_have_count(7)
    await hand.picture("usage-dashboard")
    await page.emulate_media(color_scheme="dark")
    await page.reload()
    await hand.picture("usage-dashboard-dark")
    await page.emulate_media(color_scheme="light")
    await page.reload()

    # The numbers behind a chart, by the keyboard alone.
    behind = page.locator("#cost details")
    await behind.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(behind.get_by_role("table", name="Cost per day, US dollars")).to_be_visible()
    await expect(behind.get_by_role("row")).to_have_count(31)
    await page.keyboard.press("Tab")
    await expect(behind.get_by_role("region")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(behind.get_by_role("table")).to_be_hidden()

    # By whom: the list, and one project of it alone.
    await page.get_by_role("link", name="by project").click()
    await page.locator("#breakdown").evaluate("element => element.scrollIntoView()")
    await hand.picture("usage-breakdown")
    await page.locator("#rollout").evaluate("element => element.scrollIntoView()")
    await hand.picture("usage-rollout")
    await page.get_by_role("link", name="Web shop").click()
    shop = await asyncio.to_thread(Project.objects.get, name="Web shop")
    await expect(page.get_by_label("Project", exact=True)).to_have_value(shop.public_id)

    # The other way round: what was the control is compared, and the project stays.
    await page.get_by_label("Control").select_option("next")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("region", name="Variants of").locator("thead th").first).to_contain_text("next")
    await expect(page.get_by_label("Project", exact=True)).to_have_value(shop.public_id)

    # Another time, by its form; and what makes no sense is said.
    await page.get_by_text("Another time").click()
    await page.get_by_label("From (UTC)").fill(f"{timezone.now() - timedelta(days=1):%Y-%m-%dT00:00}")
    await page.get_by_role("button", name="Show this time").click()
    await expect(page.locator("[aria-current=true]")).to_have_count(1)  # by project; no range
    await hand.open("usage/?range=fortnight")
    await expect(page.get_by_text("There is no range “fortnight”.")).to_be_visible()

    # Narrow, and nothing goes beyond the edge.
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture
def token(database: None) -> str:
    """A key that may send events."""
    project = ensure_defaults()[1]
    robot = ServiceAccount.objects.create(project=project, name="robot")
    return ApiKey.issue(name="web", organization=project.organization, project=project, service_account=robot)[1]


def events() -> Project:
    """A month of them, of two projects; returns the smaller one."""
    home = ensure_defaults()[0]
    projects = [Project.objects.create(organization=home, name=name) for name in ("Web shop", "Support")]
    month_of_events(timezone.now(), [project.public_id for project in projects])
    return projects[1]


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_a_first_event_and_then_a_month_of_events_are_looked_at(
    owner: User, token: str, visit: Visit, site: Server, pictures: Path
) -> None:
    page = visit.page
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1440, "height": 1180})
    await sign_in(hand)

    # Where there is nothing the page says what to do, and that works as it stands there.
    await page.locator("a[href='/admin/events/']").click()
    command = await page.locator(".lukhas-empty code").inner_text()
    environment = {**os.environ, "LUKHAS_API_KEY": token}
    sent = await asyncio.create_subprocess_exec("bash", "-c", f"{command} --silent --fail", env=environment)
    assert await sent.wait() == 0
    await page.reload()
    await expect(page.get_by_role("region", name="Events by name").get_by_role("row")).to_contain_text(
        ["Name", "page_view"]
    )

    support = await asyncio.to_thread(events)
    await page.get_by_role("link", name="30d").click()
    await expect(page.get_by_role("img", name="Events per day, by name")).to_be_visible()
    await expect(page.locator(".lukhas-chart")).to_have_count(3)
    await hand.picture("events-dashboard")
    await page.locator("#came-in-and-rejected").evaluate("element => element.scrollIntoView()")
    await hand.picture("events-rejected")

    # The numbers behind a chart, by the keyboard alone.
    behind = page.locator("#rejected details")
    await behind.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(behind.get_by_role("table", name="Rejected events per day, by reason")).to_be_visible()
    await expect(behind.get_by_role("row")).to_have_count(31)

    # One project alone, and from a reason to its events.
    await page.get_by_label("Project", exact=True).select_option(support.public_id)
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_label("Project", exact=True)).to_have_value(support.public_id)
    await expect(page.locator("[aria-current=true]")).to_have_text(["30d"])
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.get_by_role("link", name="unknown event").click()
    await page.wait_for_url("**/analytics/rejectedevent/?code=unknown_event")
