"""A model rolled out by hand, in a real browser, by an owner who is no superuser: from nobody to a tenth of the
callers and back, with what the API answers to each of many callers on the way.

With LUKHAS_TESTS_SCREENSHOTS=docs/images the pictures of docs/flags-admin.md and docs/rollouts.md are taken anew.
"""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from math import cos, pi, sqrt
from pathlib import Path

import aiohttp
import pytest
from django.utils import timezone
from playwright.async_api import expect

from accounts.audit.context import Actor, acting
from accounts.models import User
from api.models import Alias, Model
from features.bootstrap import ensure_environment
from features.models import Environment, ExposureCount, Flag, FlagState, Segment
from features.models.exposures import Exposure
from tests.browser.conftest import Visit
from tests.browser.test_control_plane_chromium import NAME, PASSWORD, Hand, owner, pictures
from tests.conftest import MakeKey
from tests.measuring import unmeasured_loops
from tests.serving import Server
from tests.threads import in_thread

__all__ = ["owner", "pictures"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = 10_000
AT_ONCE = 50
KEEPALIVE_SECONDS = 2
"""Of connections that nobody uses: the server closes them after five seconds, and what is sent just then is lost."""


@pytest.fixture
def catalog(database: None) -> None:
    """A model of tomorrow, and an alias that rolls it out."""
    today = Model.objects.get(model_id="lukhas-echo-1")
    Model.objects.create(
        model_id="lukhas-echo-2", upstream=today.upstream, upstream_model="echo", vector_space=today.vector_space
    )
    Alias.objects.create(name="assistant", target=today, rollout="assistant-model")


@pytest.fixture
def furnished(database: None) -> None:
    """What else an organisation has, for the pictures."""
    production = ensure_environment()
    home = production.organization
    staging = Environment.objects.create(organization=home, key="staging")
    Segment.objects.create(organization=home, key="staff", conditions=[{"attribute": "team", "operator": "exists"}])
    switches = {"on": True, "off": False}
    for key, who, enabled, permanent in (
        ("checkout-express", "payments", True, False),
        ("dark-mode", "web", True, False),
        ("maintenance-page", "operations", False, True),
    ):
        flag = Flag.objects.create(
            organization=home, key=key, kind="boolean", variants=switches, owner=who, permanent=permanent
        )
        for place, here in ((production, enabled), (staging, True)):
            FlagState.objects.create(
                flag=flag, environment=place, enabled=here, default_variant="on", off_variant="off"
            )
        if enabled:
            answered(flag)


def answered(flag: Flag) -> None:
    """A week of answers, more by day than by night."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    counts = {}
    for ago in range(6 * 24):
        hour = now - timedelta(hours=ago)
        whole = int(200 - 150 * cos(2 * pi * hour.hour / 24)) + ago * 7919 % 60
        for variant, number in (("on", whole // 3), ("off", whole - whole // 3)):
            home = flag.organization.public_id
            counts[Exposure(home, "production", flag.key, variant, "SPLIT", hour)] = number
    ExposureCount.add(counts)


def describe(key: str) -> None:
    """What a colleague does at the same time."""
    with acting(Actor("user", "user-ada", "ada@example.com"), "admin"):
        flag = Flag.objects.get(key=key)
        flag.description = "Without the page of the cart."
        flag.save()


class Callers:
    """Everybody who asks for the assistant."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, number: int) -> tuple[str | None, str]:
        """The variant and the model that answered."""
        body = {"model": "assistant", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        async with self.session.post("/v1/chat/completions", json={**body, "user": f"person-{number}"}) as answer:
            assert answer.status == 200, await answer.text()
            return answer.headers.get("x-lukhas-variant"), (await answer.json())["model"]

    async def all(self, count: int = PEOPLE) -> list[tuple[str | None, str]]:
        with unmeasured_loops():
            return await asyncio.gather(*(self.ask(number) for number in range(count)))


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
@pytest.mark.timeout(600)
async def test_a_model_is_rolled_out_to_a_tenth_of_the_callers_and_killed_by_hand(
    owner: User, catalog: None, furnished: None, visit: Visit, site: Server, pictures: Path, make_key: MakeKey
) -> None:
    page, key = visit.page, await asyncio.to_thread(make_key)
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1400, "height": 900})
    await hand.fill(username=NAME, password=PASSWORD)
    await page.locator("[type=submit]").click()
    await page.wait_for_url("**/admin/")

    connector = aiohttp.TCPConnector(limit=AT_ONCE, keepalive_timeout=KEEPALIVE_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(site.url, headers=headers, connector=connector) as session:
        callers = Callers(session)
        assert await callers.ask(0) == (None, "lukhas-echo-1")

        # The flag. It is there in production, and off.
        await hand.open("features/flag/add/")
        variants = {"current": "lukhas-echo-1", "next": "lukhas-echo-2"}
        await hand.fill(key="assistant-model", kind="string", variants=json.dumps(variants), owner="assistant team")
        await hand.save()
        await expect(page.locator("[name=states-0-share]")).to_have_value("0")
        assert await callers.ask(0) == (None, "lukhas-echo-1")

        # On, at a click in the list: everybody gets the default variant.
        await hand.open("features/flag/")
        switch = hand.row("assistant-model").get_by_role("switch", name="production")
        await expect(switch).to_have_attribute("aria-checked", "false")
        await switch.click()
        await expect(page.get_by_text("assistant-model is on in production.")).to_be_visible()
        await expect(switch).to_have_attribute("aria-checked", "true")
        await hand.picture("flags-list")
        assert set(await callers.all(50)) == {("current", "lukhas-echo-1")}

        # A tenth, by the slider, which says where it is as it moves.
        await hand.row("assistant-model").get_by_role("link", name="assistant-model").click()
        await hand.fill(**{"states-0-rollout": "next"})
        slider = page.locator("[name=states-0-share]")
        await slider.focus()
        for _ in range(10):
            await slider.press("ArrowRight")
        await expect(page.locator("output").first).to_have_text("10 %")
        await slider.scroll_into_view_if_needed()
        await hand.picture("flags-slider")
        await hand.save()
        first = await callers.all()
        counted = Counter(first)
        assert set(counted) == {("current", "lukhas-echo-1"), ("next", "lukhas-echo-2")}
        assert abs(counted["next", "lukhas-echo-2"] - PEOPLE / 10) <= 3 * sqrt(PEOPLE * 0.1 * 0.9)
        assert await callers.all(200) == first[:200]  # the same callers get the same again

        # Who gets what, and why.
        lucky = next(number for number, (variant, _) in enumerate(first) if variant == "next")
        await hand.open("features/flag/")
        await hand.row("assistant-model").get_by_role("link", name="assistant-model").click()
        await page.get_by_role("link", name="Who gets what").click()
        await hand.fill(context=json.dumps({"targetingKey": f"person-{lucky}"}))
        await hand.press("Show the answer")
        await expect(page.locator("#answer")).to_contain_text("lukhas-echo-2")
        await expect(page.locator("#answer")).to_contain_text("SPLIT")
        await hand.picture("flags-preview")

        # The kill switch, with a reason, and everybody has the model of before.
        await page.get_by_role("link", name="Back to assistant-model").click()
        await page.get_by_role("link", name="Kill").click()
        await hand.fill(environment="production", reason="The new model answers in riddles.")
        await hand.picture("flags-kill")
        await hand.press("Yes, I’m sure")
        await expect(page.get_by_text("Switched off in production: 1.")).to_be_visible()
        assert set(await callers.all(200)) == {(None, "lukhas-echo-1")}

        # And what was done, with the way back: the same callers as before.
        await hand.row("assistant-model").get_by_role("link", name="assistant-model").click()
        await page.locator("a[href$='/history/']").click()
        await expect(page.get_by_text("Because: The new model answers in riddles.")).to_be_visible()
        await hand.picture("flags-history")
        await page.get_by_role("button", name="Restore what was there before").first.click()
        await expect(page.get_by_text("Restored.", exact=True)).to_be_visible()
        assert await callers.all(200) == first[:200]


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_who_saves_over_a_change_of_a_colleague_sees_it_first(
    owner: User, furnished: None, visit: Visit, site: Server, pictures: Path
) -> None:
    page = visit.page
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1400, "height": 900})
    await hand.fill(username=NAME, password=PASSWORD)
    await page.locator("[type=submit]").click()
    await page.wait_for_url("**/admin/")

    # What the flag answered, drawn and as a table.
    await hand.open("features/flag/")
    drawn = hand.row("checkout-express").get_by_role("img", name="Answers of the last 7 days: on")
    await expect(drawn.locator("rect").first).to_be_visible()
    await hand.row("checkout-express").get_by_role("link", name="checkout-express").click()
    answers = page.locator("#exposures")
    await answers.get_by_text("As a table").click()
    await expect(answers.locator("tbody tr")).to_have_count(7)
    await answers.scroll_into_view_if_needed()
    await hand.picture("flags-exposures")

    # A colleague was faster.
    await hand.fill(owner="shop")
    await in_thread(describe, "checkout-express")
    await hand.save()
    await expect(page.get_by_text("ada@example.com changed this at")).to_contain_text("What you typed is kept")
    await expect(page.locator("#meanwhile .lukhas-after")).to_have_text("Without the page of the cart.")
    await hand.picture("flags-overtaken")
    await expect(page.locator("[name=owner]")).to_have_value("shop")
    await hand.save()
    await expect(hand.row("checkout-express")).to_contain_text("shop")
