"""The pages that people open, in a real browser: they work, complain of nothing and load nothing from elsewhere.

With the static files as production has them: collected, hashed and compressed.
"""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests import openapi
from tests.browser.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def superuser(database: None) -> tuple[str, str]:
    """Name and password of somebody who may do everything in the admin."""
    from accounts.models import User

    User.objects.create_superuser(username="ada", email="ada@example.com", password="difference-engine")
    return "ada", "difference-engine"


@pytest.mark.parametrize("visit", ["/docs"], indirect=True)
async def test_docs_shows_every_operation_with_its_examples(visit: Visit) -> None:
    await expect(visit.page.locator(".opblock")).to_have_count(len(list(openapi.operations())))
    await visit.page.locator("#operations-Chat-createChatCompletion").click()
    await expect(visit.page.get_by_text("What is the capital of France?").first).to_be_visible()


@pytest.mark.parametrize("visit", ["/docs"], indirect=True)
async def test_docs_sends_a_real_request_with_the_key_given_to_it(visit: Visit, api_key: str) -> None:
    page = visit.page
    await page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    form = dialog.locator("form", has_text="ApiKeyAuth")
    await form.locator("input").fill(api_key)
    await form.get_by_role("button", name="Apply credentials").click()
    await dialog.get_by_role("button", name="Close").last.click()
    await page.locator("#operations-Models-listModels").click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table").first).to_contain_text("lukhas-echo-1")


@pytest.mark.parametrize("visit", ["/"], indirect=True)
async def test_the_front_door_leads_to_docs(visit: Visit) -> None:
    await expect(visit.page.locator(".opblock").first).to_be_visible()
    assert urlsplit(visit.page.url).path == "/docs"


@pytest.mark.parametrize("visit", ["/redoc"], indirect=True)
async def test_redoc_shows_every_operation_and_finds_words(visit: Visit) -> None:
    page = visit.page
    # Redoc lays out the whole document before it shows any: a matter of the machine.
    await expect(page.get_by_role("heading", name="Create a chat completion")).to_be_visible(timeout=60_000)
    await page.get_by_placeholder("Search").fill("embeddings")
    await expect(page.locator("[role=search] li", has_text="Create embeddings").first).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_admin_lets_staff_in(visit: Visit, superuser: tuple[str, str]) -> None:
    name, password = superuser
    await visit.page.locator("[name=username]").fill(name)
    await visit.page.locator("[name=password]").fill(password)
    await visit.page.locator("[type=submit]").click()
    await visit.page.wait_for_url("**/admin/")
    await expect(visit.page.get_by_text("API keys").first).to_be_visible()
