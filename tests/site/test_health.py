"""/healthz, /health and /readyz on a server in this process; tests/site/test_loading.py has the models' states."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.cache.backends.dummy import DummyCache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError

from analytics import usage
from analytics.journal import Journal
from api.backends import registry
from api.breakers import breakers
from api.models import Deployment, Model, Upstream
from features.models import FlagsVersion
from features.ruleset import watch
from lukhas_site import __version__, health
from lukhas_site.loading import Loader


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_a_process_that_answers_is_alive(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert abs(datetime.fromisoformat(body.pop("timestamp")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert body == {
        "status": "healthy",
        "version": __version__,
        "lane": "prod",
        "guardian": {"enabled": False, "last_veto_ts": None, "last_reason_code": None},
    }


def test_the_lane_is_a_setting(anonymous: httpx.Client, settings: Any) -> None:
    settings.LUKHAS_LANE = "labs"
    assert anonymous.get("/healthz").json()["lane"] == "labs"


def test_a_guardian_whose_state_cannot_be_read_leaves_the_process_healthy(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> Any:
        raise OSError("the state is gone")

    monkeypatch.setattr(health, "guardian_state", unreadable)
    answer = anonymous.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert answer.json()["guardian"] == {
        "enabled": False,
        "last_veto_ts": None,
        "last_reason_code": None,
        "error": "Failed to get guardian state",
    }


def test_a_server_that_can_do_its_work_is_ready_and_says_of_what(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/readyz")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    checks = answer.json()["checks"]
    assert answer.json()["status"] == "ready"
    assert set(checks) == {"database", "cache", "migrations", "models", "upstreams", "flags", "journal", "events"}
    assert checks["database"] == {"ok": True, "detail": "sqlite"}
    assert checks["cache"] == {"ok": True, "detail": "LocMemCache"}
    assert checks["migrations"] == {"ok": True, "detail": "applied"}
    assert checks["models"]["ok"]
    assert checks["flags"] == {"ok": True, "detail": "version 0"}
    assert checks["journal"]["ok"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_health_is_only_read(anonymous: httpx.Client, method: str) -> None:
    answer = anonymous.request(method, "/readyz")
    assert answer.status_code == 405
    assert answer.json()["error"]["message"]


async def failing() -> str:
    raise OperationalError("could not connect to 10.0.0.5")


def test_one_failed_check_makes_the_server_not_ready_and_tells_no_address(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECKS", {**health.CHECKS, "database": failing})
    answer = anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["checks"]["database"] == {"ok": False, "detail": "OperationalError"}
    assert answer.json()["checks"]["cache"]["ok"]
    assert "10.0.0.5" not in answer.text


@pytest.fixture
def hanging() -> Iterator["Hanging"]:
    """A blocking check that hangs until it is let go."""
    check = Hanging()
    yield check
    check.let_go.set()


class Hanging:
    def __init__(self) -> None:
        self.asked = 0
        self.let_go = threading.Event()

    def __call__(self) -> str:
        self.asked += 1
        assert self.let_go.wait(30)
        return "at last"


def test_a_check_that_hangs_is_cut_off_after_a_second_and_holds_nothing_up(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch, hanging: Hanging
) -> None:
    monkeypatch.setattr(health, "CHECKS", {**health.CHECKS, "database": health.InThread(hanging)})
    started = time.monotonic()
    answer = anonymous.get("/readyz")
    took = time.monotonic() - started
    assert 0.9 < took < 10
    assert answer.json()["checks"]["database"] == {"ok": False, "detail": "no answer within 1 s"}
    assert answer.json()["checks"]["cache"]["ok"]
    assert answer.status_code == 503
    started = time.monotonic()
    assert anonymous.get("/healthz").status_code == 200
    assert time.monotonic() - started < 5
    assert anonymous.get("/readyz").status_code == 503
    assert hanging.asked == 1, "a second thread was sent after the first, which still hangs"
    hanging.let_go.set()
    assert anonymous.get("/readyz").json()["checks"]["database"] == {"ok": True, "detail": "at last"}


async def test_an_async_check_that_hangs_and_will_not_be_cancelled_is_cut_off_all_the_same(hanging: Hanging) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.to_thread(hanging)
        raise OSError("too late for anybody to hear")

    started = time.monotonic()
    assert await health.bounded(stubborn) == {"ok": False, "detail": "no answer within 1 s"}
    assert time.monotonic() - started < 10
    hanging.let_go.set()


async def test_those_who_ask_while_a_check_is_under_way_share_its_answer(hanging: Hanging) -> None:
    check = health.InThread(hanging)
    asking = asyncio.gather(check(), check(), check())
    await asyncio.sleep(0.05)
    hanging.let_go.set()
    assert await asking == ["at last"] * 3
    assert hanging.asked == 1


def test_a_migration_that_is_not_applied_makes_the_server_not_ready(database: None) -> None:
    recorder = MigrationRecorder(connection)
    latest = MigrationLoader(connection).graph.leaf_nodes("api")[0]
    recorder.record_unapplied(*latest)
    try:
        with pytest.raises(health.NotReady, match=r"^1 not applied: run manage\.py migrate$"):
            health.ask_migrations()
    finally:
        recorder.record_applied(*latest)
    assert health.ask_migrations() == "applied"


async def test_migrations_once_applied_are_not_asked_for_again() -> None:
    answers = iter([health.NotReady("3 not applied"), "applied"])
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    check = health.Once(ask)
    assert await health.bounded(check) == {"ok": False, "detail": "3 not applied"}
    assert [await check(), await check()] == ["applied", "applied"]
    assert asked == 2


def test_a_cache_that_keeps_nothing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "the_cache", lambda: DummyCache("", {}))
    with pytest.raises(health.NotReady, match="does not keep what it is given"):
        health.ask_cache()


async def test_a_model_that_is_enabled_later_does_not_make_the_server_unready(
    database: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.LUKHAS_PRELOAD_MODELS = True
    monkeypatch.setattr(registry, "_instances", {})
    monkeypatch.setattr(health, "loader", Loader())
    with pytest.raises(health.NotReady, match=r"^loading: embedded-chat, embedded-embeddings, embedded-moderation$"):
        await health.models()
    health.loader.finished = True
    assert await health.models() == "loaded on first use: embedded-chat, embedded-embeddings, embedded-moderation"


def test_every_asking_thread_uses_the_same_cache_and_so_the_same_connections() -> None:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(health.the_cache()))
    thread.start()
    thread.join()
    assert seen == [health.the_cache()]


async def test_flags_that_cannot_be_looked_at_are_stale_and_say_since_when(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await health.flags() == "version 0"
    real = FlagsVersion.current

    def away() -> int:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(FlagsVersion, "current", away)
    now = time.monotonic()
    monkeypatch.setattr(watch, "clock", lambda: now + 90)
    watch.looked_at = now
    with pytest.raises(health.NotReady, match="stale: answering with version 0, as read 90 s ago"):
        await health.flags()
    watch.forget()
    with pytest.raises(OperationalError):
        await health.flags()
    monkeypatch.setattr(FlagsVersion, "current", real)
    assert await health.flags() == "version 0"


async def test_the_journal_tells_how_much_waits_and_is_not_ready_when_it_takes_no_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(usage, "journal", journal := Journal(tmp_path))
    assert await health.journal() == "empty"
    journal.backlog, journal.oldest = 264, 2.7
    assert await health.journal() == "264 bytes wait, the oldest for 3 s"
    journal.refusing = "No space left on device"
    with pytest.raises(health.NotReady, match="No space left on device; 264 bytes wait, the oldest for 3 s"):
        await health.journal()


def test_deployments_that_are_left_alone_are_told_by_model_and_leave_the_server_ready(anonymous: httpx.Client) -> None:
    model = Model.objects.get(model_id="lukhas-echo-1")
    server = Upstream.objects.create(name="hidden", base_url="http://10.0.0.1/v1")
    Deployment.objects.create(model=model, upstream=server)
    for _ in range(4):
        breakers.failed(("lukhas-echo-1", "hidden", "lukhas-echo-1"))
    assert anonymous.get("/readyz").json()["checks"]["upstreams"] == {"ok": True, "detail": "none is left alone"}
    breakers.failed(("lukhas-echo-1", "hidden", "lukhas-echo-1"))
    answer = anonymous.get("/readyz")
    told = {"ok": True, "detail": "degraded, left alone for failing: lukhas-echo-1 (1 of 2)"}
    assert (answer.status_code, answer.json()["checks"]["upstreams"]) == (200, told)
    assert "hidden" not in answer.text
