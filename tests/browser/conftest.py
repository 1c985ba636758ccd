"""What the tests in a real browser share: the browser, a server with production's static files, and watched pages."""

import shutil
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from playwright.async_api import Browser, Page, async_playwright

from tests.serving import Server

FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


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
