"""Events from a page in a real browser: the script of the documentation, and its last word as the page is left."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import Browser

from accounts.pages import pages
from analytics.models import Event, RejectedEvent
from tests.browser.test_flag_events_chromium import Site, elsewhere
from tests.conftest import MakeKey
from tests.docs.pages import page as documentation
from tests.serving import Server

__all__ = ["elsewhere"]  # a fixture

pytestmark = pytest.mark.asyncio(loop_scope="module")


def script(url: str, key: str) -> str:
    """The script of docs/events.md, for this server and this key."""
    text = next(block.text for block in documentation("events").blocks if block.language == "javascript")
    return text.replace("https://lukhas.example.com", url).replace("pk-lukhas-…", key)


async def test_a_page_that_is_left_sends_what_it_saw(
    server: Server, make_key: MakeKey, elsewhere: tuple[Site, str], browser: Browser
) -> None:
    site, origin = elsewhere

    def prepare() -> str:
        pages.forget()
        return make_key("page", is_publishable=True, origins=[origin], scopes=["events.write"])

    key = await sync_to_async(prepare)()
    site.body = f"<!doctype html><title>Shop</title><script>{script(server.url, key)}</script>".encode()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{origin}/basket")
    await page.goto("about:blank")
    for _ in range(400):
        if await sync_to_async(Event.objects.exists)():
            break
        await asyncio.sleep(0.05)
    row = await sync_to_async(Event.objects.get)()
    assert (row.name, row.properties, row.browser) == ("page_view", {"path": "/basket"}, "Chrome")
    assert not await sync_to_async(RejectedEvent.objects.exists)()
    await context.close()
