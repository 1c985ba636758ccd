"""The control plane by hand, in a real browser, as an owner of the organisation who is no superuser: a project, a
service account and its key, limits and models, calls until 429, the audit log, and the project's end.

With LUKHAS_TESTS_SCREENSHOTS=docs/images the pictures of docs/admin.md are taken anew.
"""

import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, Spend, User
from tests.browser.conftest import Visit
from tests.serving import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME, PASSWORD = "grace", "a-bug-was-found"
PATIENCE = 20_000
"""Milliseconds for what asks the server anew every two seconds."""


@pytest.fixture
def spent(database: None) -> None:
    """Four weeks of spending, for the chart."""
    scope, today = f"organization:{ensure_defaults()[0].public_id}", timezone.now().date()
    for ago in range(28):
        micro = 1_370_000 * (ago * 7919 % 13 + 2)
        Spend.objects.create(scope=scope, period="day", start=today - timedelta(days=ago), micro=micro)


@pytest.fixture
def owner(database: None) -> User:
    user = User.objects.create_user(NAME, "grace@example.com", PASSWORD, is_staff=True)
    Membership.objects.create(user=user, organization=ensure_defaults()[0], role="owner")
    return user


class Hand:
    """What a person does on the pages of the admin."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page, self.url, self.pictures = page, url, pictures

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}/admin/{path}")

    async def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.page.locator(f"[name={name}]")
            if await field.evaluate("element => element.tagName") == "SELECT":
                await field.select_option(value)
            else:
                await field.fill(value)

    async def choose(self, field: str, text: str) -> None:
        """Types into a choice that completes what is typed, and takes the first that is found."""
        await self.page.locator(f".field-{field} .select2-selection").click()
        await self.page.locator(".select2-container--open .select2-search__field").fill(text)
        await self.page.locator(".select2-results__option", has_text=text).first.click()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def save(self) -> None:
        await self.press("Save")
        await self.page.wait_for_load_state()

    async def picture(self, name: str) -> None:
        """Takes a picture, of a page that fits: nothing scrolls sideways."""
        await self.page.wait_for_load_state("networkidle")
        assert await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        await self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")

    def row(self, text: str) -> Locator:
        return self.page.locator("#result_list tr", has_text=text).first


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    path = Path(os.environ.get("LUKHAS_TESTS_SCREENSHOTS", tmp_path)).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


async def ask(client: httpx.AsyncClient, key: str, model: str = "lukhas-echo-1") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    return await client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_a_project_is_set_up_used_to_its_limit_and_archived_by_hand(
    owner: User, spent: None, visit: Visit, site: Server, pictures: Path
) -> None:
    page = visit.page
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1400, "height": 900})
    await hand.fill(username=NAME, password=PASSWORD)
    await page.locator("[type=submit]").click()
    await page.wait_for_url("**/admin/")

    # A project. Of the one organisation that the owner sees it is made without asking.
    await hand.open("accounts/project/add/")
    await hand.fill(name="Web shop")
    await hand.save()
    await expect(hand.row("Web shop")).to_be_visible()
    await hand.row("Web shop").get_by_role("link", name="Web shop").click()
    await page.locator("[name=model_permissions-0-mode]").select_option("allow_list")
    await hand.choose("model_ids", "lukhas-echo-1")
    await hand.picture("admin-project")
    await hand.save()

    # A service account and its key, which is shown once.
    await hand.open("accounts/serviceaccount/add/")
    await hand.fill(name="checkout")
    await hand.choose("project", "Web shop")
    await hand.picture("admin-service-account")
    await hand.save()
    key = await page.locator("#issued-key").inner_text()
    # The picture shows what is no key of anybody.
    await page.locator("#issued-key").evaluate("element => { element.textContent = 'sk-lukhas-' + '•'.repeat(43) }")
    await hand.picture("admin-key-once")
    await hand.open("accounts/apikey/")
    await expect(hand.row("checkout")).to_contain_text("active")
    assert key not in await page.content()

    # A rate limit, made and then changed, and a budget.
    await hand.open("accounts/ratelimit/add/")
    await hand.choose("project", "Web shop")
    await hand.fill(unit="requests", period="minute", value="10")
    await hand.save()
    await hand.row("Web shop").locator("a").first.click()
    await hand.fill(value="3")
    await hand.save()
    await hand.open("accounts/budget/add/")
    await hand.choose("project", "Web shop")
    await hand.fill(period="month", amount="5")
    await hand.save()
    await expect(hand.row("Web shop")).to_contain_text("$0.00 of $5.00")

    # Calls until 429, while the bar is looked at: it fills without the page being opened anew.
    await hand.open("accounts/ratelimit/")
    await expect(hand.row("Web shop")).to_contain_text("0 of 3")
    async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
        assert (await ask(client, key, model="lukhas-chat-1")).json()["error"]["code"] == "model_not_found"
        assert [(await ask(client, key)).status_code for _ in range(4)] == [200, 200, 200, 429]
        await expect(hand.row("Web shop")).to_contain_text("3 of 3", timeout=PATIENCE)
        await hand.picture("admin-limits")
        await hand.open("")
        await expect(page.locator("#card-1")).to_contain_text("3 of 3")
        await expect(page.locator("canvas.chart")).to_be_visible()
        await hand.picture("admin-dashboard")

        # The audit log has all of it, with both sides of what was changed.
        await hand.open("accounts/auditevent/")
        for told in ("project.created", "model_permissions.created", "service_account.created", "api_key.created"):
            await expect(hand.row(told)).to_contain_text("grace@example.com")
        await hand.picture("admin-audit")
        await hand.row("limit: 10 → 3").locator("a").first.click()
        await expect(page.locator(".lukhas-before")).to_have_text("10")
        await expect(page.locator(".lukhas-after")).to_have_text("3")
        await hand.picture("admin-audit-event")

        # The end of the project is that of its key.
        await hand.open("accounts/project/")
        await hand.row("Web shop").get_by_role("link", name="Web shop").click()
        await page.get_by_role("link", name="Archive").click()
        await expect(page.get_by_text("Their API keys stop working at once, and for good.")).to_be_visible()
        await hand.picture("admin-archive")
        await hand.press("Yes, I’m sure")
        await expect(page.get_by_text("Archived: 1.")).to_be_visible()
        assert (await ask(client, key)).status_code == 401


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_lists_of_which_nothing_is_there_say_so_and_lead_on(owner: User, visit: Visit, site: Server) -> None:
    page = visit.page
    hand = Hand(page, site.url, Path())
    await hand.fill(username=NAME, password=PASSWORD)
    await page.locator("[type=submit]").click()
    await page.wait_for_url("**/admin/")
    await expect(page.get_by_text("No budget is set: nothing stops the spending.")).to_be_visible()
    await hand.open("accounts/budget/")
    await expect(page.get_by_text("No results found")).to_be_visible()
    await page.get_by_role("link", name="Add budget").click()
    await expect(page.get_by_text("US dollars.")).to_be_visible()
