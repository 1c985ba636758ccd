"""Event streams of flags in a real browser: a page of another origin, its EventSource, and a publishable key."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import Browser, expect

from accounts.pages import pages
from features.models import FlagState
from tests.conftest import MakeKey
from tests.features.conftest import MakeFlag, environment, make_flag
from tests.serving import Server

__all__ = ["environment", "make_flag"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = """<!doctype html><title>waiting</title><script>
const {url, key} = %s;
async function ask(query) {
  const answer = await fetch(url + query, {
    method: "POST",
    headers: {"Authorization": "Bearer " + key, "Content-Type": "application/json"},
    body: JSON.stringify({context: {targetingKey: "ada"}}),
  });
  return answer.json();
}
function show(all) { document.title = JSON.stringify(all.flags[0].value ?? null); }
ask("").then(all => {
  const source = new EventSource(all.eventStreams[0].url);
  source.onopen = () => show(all);
  source.onerror = () => { document.title = "error " + source.readyState; };
  source.onmessage = message => ask("?flagConfigEtag=" + JSON.parse(message.data).etag).then(show);
});
</script>"""


class Site:
    """A web site of somebody else's: one page."""

    body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
def elsewhere() -> Iterator[tuple[Site, str]]:
    site = Site()
    with Server(site, lifespan="off") as served:
        yield site, served.url


async def test_a_page_of_another_origin_is_told_of_a_change(
    server: Server, make_key: MakeKey, make_flag: MakeFlag, elsewhere: tuple[Site, str], browser: Browser
) -> None:
    site, origin = elsewhere

    def prepare() -> str:
        make_flag()
        pages.forget()
        return make_key("page", is_publishable=True, origins=[origin], scopes=["flags.read"])

    key = await sync_to_async(prepare)()
    told = {"url": f"{server.url}/ofrep/v1/evaluate/flags", "key": key}
    site.body = (PAGE % json.dumps(told)).encode()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(origin)
    await expect(page).to_have_title("true", timeout=20_000)
    await sync_to_async(FlagState.objects.update)(off_variant="off", enabled=False)
    await expect(page).to_have_title("false", timeout=20_000)
    await context.close()
