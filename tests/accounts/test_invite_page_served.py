"""/invites/accept as a browser meets it, on the real server."""

import logging
import re
import time
from typing import Any

import httpx
import pytest

from accounts.bootstrap import ensure_defaults
from accounts.models import Invite, Role

PAGE = "/invites/accept"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def token(database: None) -> str:
    return Invite.issue(ensure_defaults()[0], "grace@example.com", Role.VIEWER)[1]


def form(page: httpx.Response) -> dict[str, str]:
    """What the form on the page would send unchanged."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="([^"]*)"', page.text))


def test_no_step_is_stored_compressed_or_told_to_other_sites(anonymous: httpx.Client, token: str) -> None:
    ask = anonymous.get(PAGE, headers={"Accept-Encoding": "gzip"})
    offer = anonymous.post(PAGE, data={**form(ask), "token": token}, headers={"Accept-Encoding": "gzip"})
    assert form(offer)["token"] == token
    wrong = anonymous.post(PAGE, data={**form(offer), "password": "x", "again": "x"})
    done = anonymous.post(PAGE, data={**form(wrong), "password": PASSWORD, "again": PASSWORD})
    again = anonymous.post(PAGE, data={**form(offer), "password": PASSWORD, "again": PASSWORD})
    assert [answer.status_code for answer in (ask, offer, wrong, done, again)] == [200, 200, 400, 200, 400]
    for answer in (ask, offer, wrong, done, again):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        assert "content-encoding" not in answer.headers
        assert PASSWORD not in answer.text
    assert token not in done.text
    assert "accepted already" in again.text


def test_nothing_but_the_link_in_the_mail_needs_the_token(
    anonymous: httpx.Client, token: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask = anonymous.get(PAGE)
        data = {**form(ask), "token": token, "password": PASSWORD, "again": PASSWORD}
        assert anonymous.post(PAGE, data=data).status_code == 200
    written = caplog.text + "".join(capfd.readouterr())
    assert PAGE in written
    assert token not in written
    assert PASSWORD not in written


def test_what_the_page_loads_is_its_own(anonymous: httpx.Client) -> None:
    page = anonymous.get(PAGE).text
    assert "<script>" not in page
    assert "style=" not in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/static/")


def test_accepting_is_counted_like_signing_in(
    settings: Any, anonymous: httpx.Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = int(time.time()) + 30
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: end)
    settings.LUKHAS_LOGIN_RATE = "3/m"
    data = {**form(anonymous.get(PAGE)), "token": "x" * 43, "password": PASSWORD, "again": PASSWORD}
    assert [anonymous.post(PAGE, data=data).status_code for _ in range(5)] == [400, 400, 400, 429, 429]
    assert anonymous.get(PAGE).status_code == 200
