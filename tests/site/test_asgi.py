"""The ASGI application: who answers what, and what its start and its end do."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings

from accounts.limits.keeper import Keeper
from analytics import intake, usage
from analytics.visits import deriving
from api.backends import registry
from lukhas_site import memory, roof
from lukhas_site.loading import Loader
from lukhas_site.roof import Roof


def test_the_front_door_leads_to_the_docs(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/admin/login/"])
def test_pages_for_people_are_html_with_a_policy_of_their_own(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src" in answer.headers["content-security-policy"]


def test_staff_pages_have_sessions_and_protection_against_forgery(anonymous: httpx.Client) -> None:
    assert anonymous.get("/admin/").headers["location"] == "/admin/login/?next=/admin/"
    assert "csrftoken" in anonymous.get("/admin/login/").cookies
    anonymous.cookies.clear()
    assert anonymous.post("/admin/login/", data={"username": "x", "password": "y"}).status_code == 403


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/v1", "/administration", "/static/nothing.css"])
def test_a_path_that_nobody_serves_is_told_so_in_the_envelope(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_api_paths_set_no_cookie_and_touch_no_session(client: httpx.Client) -> None:
    answer = client.get("/v1/models")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


class Life:
    """The server's side of the lifespan protocol."""

    def __init__(self, roof: Roof) -> None:
        self.sent: list[Any] = []
        self.answered = asyncio.Event()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(roof({"type": "lifespan"}, self.events.get, self.send))

    async def send(self, message: Any) -> None:
        self.sent.append(message["type"])
        self.answered.set()

    async def tell(self, event: str) -> None:
        """Sends an event and waits until the application has said that it is done with it."""
        self.answered.clear()
        await self.events.put({"type": f"lifespan.{event}"})
        await asyncio.wait_for(self.answered.wait(), 10)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """What watches spending in a life of its own: the one of this process may be at work for another test's server."""
    keeper = Keeper(lambda: None, "alerts")
    monkeypatch.setattr(roof.watch, "keeper", keeper)
    return keeper


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """What tells of exposures, likewise."""
    keeper = Keeper(lambda: None, "exposures")
    monkeypatch.setattr(roof.exposures, "keeper", keeper)
    return keeper


@pytest.fixture
def guarding(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """What looks at rollouts, likewise."""
    keeper = Keeper(lambda: None, "rollouts")
    monkeypatch.setattr(roof.guarding, "keeper", keeper)
    return keeper


@pytest.fixture
def others_go_on() -> Iterator[None]:
    """What this process does beside serving, for another test's server, goes on when a life in it has ended."""
    known = ((usage.keeper, usage.start), (intake.keeper, intake.start), (deriving.keeper, deriving.keeper.start))
    at_work = [start for keeper, start in known if keeper.started]
    yield
    for start in at_work:
        start()


@pytest.mark.usefixtures("others_go_on")
async def test_a_start_completes_at_once_and_an_end_stops_the_loading_and_closes_what_is_open(
    database: None, monkeypatch: pytest.MonkeyPatch, settings: Any, watching: Keeper, telling: Keeper,
    guarding: Keeper,
) -> None:  # fmt: skip
    settings.LUKHAS_PRELOAD_MODELS = True
    began = asyncio.Event()
    ended: list[str] = []

    async def forever(loader: Loader) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("loading")

    monkeypatch.setattr(Loader, "run", forever)
    monkeypatch.setattr(registry, "_instances", {})
    registry.backend("openai")
    life = Life(Roof())
    await life.tell("startup")
    assert life.sent == ["lifespan.startup.complete"]
    await asyncio.wait_for(began.wait(), 5)
    assert watching.started
    assert guarding.started
    assert memory.keeper.started
    telling.start()
    await life.tell("shutdown")
    assert life.sent[1:] == ["lifespan.shutdown.complete"]
    await life.task
    assert ended == ["loading"]
    assert not watching.started
    assert not telling.started
    assert not guarding.started
    assert not memory.keeper.started
    assert registry._instances == {}


@pytest.mark.usefixtures("others_go_on")
async def test_nothing_is_loaded_and_no_rollout_guarded_at_the_start_where_that_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, watching: Keeper, telling: Keeper, guarding: Keeper
) -> None:
    monkeypatch.setattr(settings, "LUKHAS_ROLLOUT_KEEPER", False)
    assert settings.LUKHAS_PRELOAD_MODELS is False
    monkeypatch.setattr(registry, "_instances", {})
    application = Roof()
    life = Life(application)
    await life.tell("startup")
    assert application.loading is None
    assert not guarding.started
    await life.tell("shutdown")
    await life.task
    assert life.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
