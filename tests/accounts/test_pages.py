"""CORS for the pages that publishable keys are for."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import pages as module
from accounts.models import ApiKey
from accounts.pages import MAX_AGE, Pages, pages
from tests.accounts.conftest import Clock, Issue
from tests.serving import Server

HOME, SHOP, EVIL = "https://app.example.com", "https://shop.example.com", "https://evil.example"
PUBLIC = ["/ofrep/v1/evaluate/flags", "/api/analytics/events"]


def publish(issue: Issue, *origins: str, **fields: Any) -> ApiKey:
    return issue(is_publishable=True, origins=list(origins), scopes=["flags.read"], **fields)[0]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The clock of the process's own set, which moves when a test says so."""
    clock = Clock()
    pages.forget()
    monkeypatch.setattr(pages, "clock", clock)
    yield clock
    pages.forget()


def origins(of: Pages) -> set[bytes]:
    return set(async_to_sync(of.origins)())


# --- On the wire -----------------------------------------------------------------------------------------------


def preflight(server: Server, path: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return httpx.options(f"{server.url}{path}", headers=headers)


@pytest.mark.parametrize("path", PUBLIC)
def test_a_page_asks_and_reads_where_publishable_keys_may_be_used(
    server: Server, issue: Issue, slow: Clock, path: str
) -> None:
    publish(issue, HOME, SHOP)
    for origin in (HOME, SHOP):
        asked = preflight(server, path, origin)
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == origin
        assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
        assert "POST" in asked.headers["access-control-allow-methods"]
        answer = httpx.post(f"{server.url}{path}", headers={"Origin": origin}, json={})
        assert answer.status_code >= 400  # without a key; the page may read that
        assert answer.headers["access-control-allow-origin"] == origin
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", PUBLIC)
def test_other_pages_are_told_nothing_but_that_the_answer_varies(
    server: Server, issue: Issue, slow: Clock, path: str
) -> None:
    publish(issue, HOME)
    for origin in (EVIL, "null", HOME.upper(), f"{HOME}.evil.example", f"{HOME}:8443", "http://app.example.com"):
        for answer in (
            preflight(server, path, origin),
            httpx.get(f"{server.url}{path}", headers={"Origin": origin}),
        ):
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "Origin"
    assert httpx.get(f"{server.url}{path}").headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/api/audit", "/ofrep", "/openapi.json"])
def test_elsewhere_a_page_may_not_ask(server: Server, issue: Issue, slow: Clock, path: str) -> None:
    publish(issue, HOME)
    asked = preflight(server, path, HOME)
    answer = httpx.get(f"{server.url}{path}", headers={"Origin": HOME})
    for each in (asked, answer):
        assert not [name for name in each.headers if name.startswith("access-control")]


# --- The set ---------------------------------------------------------------------------------------------------


def test_keys_that_have_ended_and_secret_keys_let_no_page_ask(issue: Issue, slow: Clock) -> None:
    publish(issue, HOME)
    publish(issue, HOME, "https://revoked.example").revoke()
    publish(issue, "https://expired.example").expire()
    publish(issue, SHOP, expires_at=timezone.now() + timedelta(hours=1))
    issue()
    assert origins(pages) == {HOME.encode(), SHOP.encode()}


def test_an_archived_project_lets_no_page_ask(issue: Issue, slow: Clock) -> None:
    key = publish(issue, HOME)
    type(key.project).objects.filter(pk=key.project_id).update(archived_at=timezone.now(), is_default=False)
    assert origins(pages) == set()


def test_a_change_is_known_within_five_seconds(issue: Issue, slow: Clock) -> None:
    assert MAX_AGE < 5
    assert origins(pages) == set()
    key = publish(issue, HOME)
    slow.seconds += MAX_AGE
    assert origins(pages) == {HOME.encode()}
    key.revoke()
    slow.seconds += MAX_AGE
    assert origins(pages) == set()


def test_however_many_ask_the_set_is_read_once_in_four_seconds(issue: Issue, slow: Clock) -> None:
    publish(issue, HOME)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            origins(pages)
            slow.seconds += MAX_AGE / 20
    assert sum(query["sql"].startswith("SELECT") for query in queries) == 1


def test_no_origin_and_a_named_one_ask_for_no_set(
    server: Server, issue: Issue, slow: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bool] = []
    monkeypatch.setattr(module, "read", lambda: reads.append(True) or frozenset())
    httpx.get(f"{server.url}{PUBLIC[0]}")
    httpx.get(f"{server.url}/v1/models", headers={"Origin": HOME})
    assert reads == []
    httpx.get(f"{server.url}{PUBLIC[0]}", headers={"Origin": HOME})
    assert reads == [True]


def test_while_one_reads_anew_the_others_go_on_with_the_old_set(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, started, go = Clock(), asyncio.Event(), asyncio.Event()
    fresh = [frozenset({b"old"}), frozenset({b"new"})]

    async def held(function: Any) -> frozenset[bytes]:
        if len(fresh) == 1:
            started.set()
            await go.wait()
        return fresh.pop(0)

    async def play() -> list[frozenset[bytes]]:
        mine = Pages(clock)
        first = await mine.origins()
        clock.seconds += MAX_AGE
        reader = asyncio.create_task(mine.origins())
        await started.wait()
        meanwhile = await mine.origins()
        go.set()
        return [first, meanwhile, await reader, await mine.origins()]

    monkeypatch.setattr(module, "in_database", held)
    assert [next(iter(one)) for one in async_to_sync(play)()] == [b"old", b"old", b"new", b"new"]


def test_while_the_database_is_away_the_last_set_goes_on(
    issue: Issue, slow: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> frozenset[bytes]:
        reads.append(True)
        raise OperationalError("away")

    reads: list[bool] = []
    publish(issue, HOME)
    assert origins(pages) == {HOME.encode()}
    monkeypatch.setattr(module, "read", away)
    slow.seconds += MAX_AGE
    for _ in range(3):
        assert origins(pages) == {HOME.encode()}
    assert reads == [True]
    assert origins(Pages(slow)) == set()
