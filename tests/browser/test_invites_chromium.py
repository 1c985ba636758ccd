"""An invite is accepted in a real browser: the token goes from the link into the form, and out of the address bar."""

import re
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import expect

from accounts.invitations import PATH
from tests.browser.conftest import Visit

PASSWORD = "correct horse battery staple"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def invite() -> str:
    from accounts.bootstrap import ensure_defaults
    from accounts.models import Invite, Role

    return Invite.issue(ensure_defaults()[0], "grace@example.com", Role.VIEWER)[1]


def members() -> list[str]:
    from accounts.models import Membership

    return list(Membership.objects.values_list("user__email", flat=True))


@pytest.mark.parametrize("visit", [PATH], indirect=True)
async def test_a_link_leads_to_membership_and_its_token_goes_nowhere_but_into_the_form(visit: Visit) -> None:
    page = visit.page
    token = await sync_to_async(invite)()
    await expect(page.get_by_label("The code behind the #")).to_be_visible()
    await page.goto("about:blank")
    await page.goto(f"{visit.asked[0]}#{token}")
    await expect(page.get_by_role("heading", name="Join default")).to_be_visible()
    assert urlsplit(page.url).fragment == ""
    await page.get_by_label("Choose a password").fill(PASSWORD)
    await page.get_by_label("The same again").fill(PASSWORD)
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_text("You are a member of default now.")).to_be_visible()
    assert await sync_to_async(members)() == ["grace@example.com"]
    assert not any(re.search(token, url.partition("#")[0]) for url in visit.asked)
