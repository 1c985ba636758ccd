"""PostgreSQL goes away, or falls silent, while the server runs."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.processes import Installation, Served, eventually
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install
from tests.site.gate import Gate

MEMORY_SECONDS = 4.0
"""For so long a caller is remembered without asking the database; see accounts/memo.py."""
CALLERS = 8


@pytest.fixture
def gate(postgresql: Database) -> Iterator[Gate]:
    with Gate(postgresql.server.port) as gate:
        yield gate


@pytest.fixture
def site(install: Install, postgresql: Database, gate: Gate) -> Installation:
    return install(DATABASE_URL=postgresql.url(gate.port))


def chat(served: Served, key: str) -> httpx.Response:
    body = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{served.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def asked_at_once(served: Served, keys: list[str]) -> tuple[list[httpx.Response], float]:
    """The answers to as many callers at the same time, and after how many seconds the last had its."""
    answers: list[httpx.Response] = []
    started = time.monotonic()
    threads = [threading.Thread(target=lambda key=key: answers.append(chat(served, key))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.monotonic() - started


def test_while_the_database_is_away_callers_get_503_and_never_401_and_afterwards_all_is_well(
    site: Installation, gate: Gate
) -> None:
    key = site.bootstrap()
    keys = [site.manage("create_api_key", "caller").stdout.strip() for _ in range(2)]
    with site.serve() as served:
        assert chat(served, key).status_code == 200
        gate.shut()
        assert chat(served, key).status_code == 200, "a caller who is remembered needs no database"
        unknown = [f"sk-lukhas-nobody-knows-{number}" for number in range(CALLERS - len(keys))]
        answers, took = asked_at_once(served, [*keys, *unknown])
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["message"] for answer in answers} == {"The database is not reachable."}
        assert all("retry-after" in answer.headers for answer in answers)
        assert took < 8, "each waited for those before it"
        ready = served.get("/readyz")
        assert ready.status_code == 503
        assert not ready.json()["checks"]["database"]["ok"]
        assert ready.json()["checks"]["cache"]["ok"]
        assert served.get("/healthz").status_code == 200
        time.sleep(MEMORY_SECONDS)
        assert chat(served, key).status_code == 503
        gate.open()
        eventually(lambda: served.get("/readyz").status_code == 200, 15, "ready again")
        seen: set[int] = set()
        for known in (key, *keys):
            eventually(lambda known=known: seen.add(code := chat(served, known).status_code) or code == 200, 20, "200")
        assert seen <= {200, 503}
        assert chat(served, unknown[0]).status_code == 401


def test_a_database_that_is_restarted_between_two_requests_is_not_noticed(site: Installation, gate: Gate) -> None:
    key = site.bootstrap()
    with site.serve() as served:
        assert chat(served, key).status_code == 200
        gate.shut()
        gate.open()
        other = site.manage("create_api_key", "asked-afterwards").stdout.strip()
        assert chat(served, other).status_code == 200


def test_a_database_that_is_silent_is_told_within_a_second_and_holds_up_nobody_who_is_known(
    site: Installation, gate: Gate
) -> None:
    key = site.bootstrap()
    with site.serve() as served:
        assert chat(served, key).status_code == 200
        gate.silence()
        started = time.monotonic()
        ready = served.get("/readyz")
        assert time.monotonic() - started < 8, "it is cut off after a second, and a busy machine may take longer"
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == {"ok": False, "detail": "no answer within 1 s"}
        assert served.get("/healthz").status_code == 200
        assert chat(served, key).status_code == 200
        gate.open()
        eventually(lambda: served.get("/readyz").status_code == 200, 15, "ready again")
