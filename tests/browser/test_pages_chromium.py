"""The pages that people open, in a real browser: they work, complain of nothing and load nothing from elsewhere.

With the static files as production has them: collected, hashed and compressed.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from playwright.async_api import Browser, Page, async_playwright, expect

from tests import openapi
from tests.serving import Server

FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium. Playwright's own is not needed, and nothing is downloaded."""
    path = shutil.which("chromium")
    assert path, "Chromium is not installed; `python -m tests.run` leaves this module out where it is missing."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, for the static files are found when it starts; but what backends hold open belongs to the
    server that all other tests use, so that this one neither starts nor ends them."""
    from api import errors
    from lukhas_site.http.edge import Edge
    from lukhas_site.roof import Roof

    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path_factory.mktemp("static"), STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
        with Server(Edge(Roof(), problem=errors.problem), lifespan="off") as server:
            yield server


class Visit:
    """A page that is open, with what the browser complained of and every address it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.complaints.append(f"{status} {url}")

    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.asked if not url.startswith(("data:", "blob:"))}


@pytest_asyncio.fixture(loop_scope="module")
async def visit(database: None, browser: Browser, site: Server, request: pytest.FixtureRequest) -> AsyncIterator[Visit]:
    """The page whose path is the test's parameter. Afterwards: no complaint, and nothing asked of another host."""
    context = await browser.new_context(viewport={"width": 1280, "height": 1600})
    opened = Visit(await context.new_page())
    await opened.page.goto(f"{site.url}{request.param}")
    yield opened
    await opened.page.wait_for_load_state("networkidle")
    await context.close()
    assert opened.complaints == []
    assert opened.hosts() == {urlsplit(site.url).netloc}


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
    await dialog.locator("input").fill(api_key)
    await dialog.get_by_role("button", name="Apply credentials").click()
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
    await expect(page.get_by_role("heading", name="Create a chat completion")).to_be_visible()
    await page.get_by_placeholder("Search").fill("embeddings")
    await expect(page.locator("[role=search] li", has_text="Create embeddings").first).to_be_visible()


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_admin_lets_staff_in(visit: Visit, superuser: tuple[str, str]) -> None:
    name, password = superuser
    await visit.page.locator("[name=username]").fill(name)
    await visit.page.locator("[name=password]").fill(password)
    await visit.page.locator("[type=submit]").click()
    await visit.page.wait_for_url("**/admin/")
    await expect(visit.page.get_by_text("API keys").first).to_be_visible()
