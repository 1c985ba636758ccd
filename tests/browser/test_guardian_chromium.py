"""A policy made, tried, enforced and looked at by hand, in a real browser, by an owner who is no superuser.

With LUKHAS_TESTS_SCREENSHOTS=docs/images the pictures of docs/guardian.md are taken anew.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from accounts.bootstrap import ensure_defaults
from accounts.models import User
from api.models import Policy, Veto
from tests.api.guarded import policy, written
from tests.browser.conftest import Visit
from tests.browser.test_control_plane_chromium import NAME, PASSWORD, Hand, owner, pictures
from tests.conftest import MakeKey
from tests.serving import Server
from tests.threads import in_thread

__all__ = ["owner", "pictures"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
CARD = "My card is 4111 1111 1111 1111."


@pytest.fixture
def busy(database: None) -> None:
    """What else an organisation has, for the pictures: policies, and a week of vetoes."""
    organization, project = ensure_defaults()
    rows = [
        policy(name="Threats", organization=organization, kind="moderation", category="violence", threshold=0.6,
               reason_code="violence"),
        policy(name="Long prompts", max_tokens=8000, mode="shadow", reason_code="too_long"),
        policy(name="Code names", pattern=r"(?i)\bproject (zephyr|halcyon)\b", reason_code="code_name", enabled=False),
    ]  # fmt: skip
    now = datetime.now(UTC)
    for row in rows[:2]:
        for ago in range(40):
            at = now - timedelta(hours=ago * 4 * (ago % 3 + 1) % 160)
            Veto.objects.create(
                at=at, organization_id=organization.public_id, project_id=project.public_id, key_id="key_7bQ2pV",
                request_id=f"req_{row.pk:04}{ago:04}", endpoint="/v1/chat/completions", model_asked="assistant",
                model="lukhas-chat-1", policy_id=row.pk, policy=row.name, kind=row.kind, mode=row.mode,
                reason_code=row.reason_code,
            )  # fmt: skip


async def ask(client: httpx.AsyncClient, key: str) -> tuple[int, str | None]:
    body = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": CARD}]}
    answer = await client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json().get("error", {}).get("code")


@pytest.mark.parametrize("visit", ["/admin/login/"], indirect=True)
async def test_a_policy_is_made_tried_and_enforced_by_hand(
    owner: User, busy: None, visit: Visit, site: Server, pictures: Path, make_key: MakeKey
) -> None:
    page, key = visit.page, await asyncio.to_thread(make_key)
    hand = Hand(page, site.url, pictures)
    await page.set_viewport_size({"width": 1400, "height": 900})
    await hand.fill(username=NAME, password=PASSWORD)
    await page.locator("[type=submit]").click()
    await page.wait_for_url("**/admin/")

    # A new one. What it looks for is asked by its kind.
    await hand.open("api/policy/add/")
    await expect(page.locator("[name=pattern]")).to_be_visible()
    await expect(page.locator("[name=max_tokens]")).to_be_hidden()
    await hand.fill(kind="moderation")
    await expect(page.locator("[name=threshold]")).to_be_visible()
    await expect(page.locator("[name=pattern]")).to_be_hidden()
    await hand.fill(kind="pattern")
    await hand.choose("organization", "Default")
    await hand.fill(name="Card numbers", reason_code="card_number", pattern=r"\b4(\d[ -]?){15}\b(")
    await hand.save()
    await expect(page.get_by_text("This is no pattern of RE2")).to_be_visible()
    await hand.fill(pattern=r"\b4([ -]?\d){15}\b")
    await hand.save()

    async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
        # It begins in shadow. What it would do is tried before it is done.
        assert await ask(client, key) == (200, None)
        await hand.row("Card numbers").get_by_role("link", name="Card numbers").click()
        await page.get_by_role("link", name="Try a text").click()
        await hand.fill(text=CARD)
        await hand.press("Try it")
        await expect(page.locator("#answer")).to_contain_text("would refuse it, but is in shadow")
        await page.get_by_role("link", name="Back to Card numbers").click()
        await hand.fill(mode="enforce")
        await hand.picture("guardian-policy")
        await hand.save()
        assert await ask(client, key) == (400, "content_policy_violation")

        # All of them are asked of one text.
        await page.get_by_role("link", name="Try a text on all policies").click()
        await hand.fill(text=f"Pay me or I will find you and break your legs. {CARD}", model="lukhas-echo-1")
        await hand.press("Try it")
        answer = page.locator("#answer")
        await expect(answer.locator("tr", has_text="card_number")).to_contain_text("refuses it")
        await expect(answer.locator("tr", has_text="violence")).to_contain_text("violence scores")
        await hand.picture("guardian-try")

        # Off, at a click in the list.
        await page.get_by_role("link", name="Back to the policies").click()
        switch = hand.row("Card numbers").get_by_role("switch")
        await hand.picture("guardian-policies")
        await switch.click()
        await expect(page.get_by_text("Card numbers is off.")).to_be_visible()
        await expect(switch).to_have_attribute("aria-checked", "false")
        assert await ask(client, key) == (200, None)

    # What was vetoed is on the veto log.
    vetoes = await in_thread(written)
    assert [each.mode for each in vetoes if each.reason_code == "card_number"] == ["shadow", "enforce"]
    await hand.open("api/veto/")
    await expect(hand.row("card_number")).to_contain_text("Card numbers")
    await hand.picture("guardian-vetoes")
    assert await in_thread(Policy.objects.count) == 4
