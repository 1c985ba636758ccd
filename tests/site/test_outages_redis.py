"""Redis goes away, or falls silent, while the server runs."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import Installation, Served, eventually
from tests.site.conftest import Install
from tests.site.gate import Gate


@pytest.fixture
def gate(redis_proc: Any) -> Iterator[Gate]:
    with Gate(redis_proc.port) as gate:
        yield gate


@pytest.fixture
def site(install: Install, gate: Gate) -> Installation:
    return install(REDIS_URL=f"redis://127.0.0.1:{gate.port}/0")


def answered(served: Served, key: str) -> bool:
    return served.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).is_success


def test_a_cache_that_is_away_or_silent_makes_the_server_not_ready_and_says_so_while_requests_are_answered(
    site: Installation, gate: Gate
) -> None:
    key = site.bootstrap()
    with site.serve() as served:
        assert served.readiness()["checks"]["cache"] == {"ok": True, "detail": "RedisCache"}

        gate.shut()
        ready = served.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["cache"] == {"ok": False, "detail": "ConnectionError"}
        assert ready.json()["checks"]["database"]["ok"]
        assert answered(served, key)

        gate.open()
        eventually(lambda: served.get("/readyz").status_code == 200, 10, "ready again")

        gate.silence()
        started = time.monotonic()
        ready = served.get("/readyz")
        assert time.monotonic() - started < 8, "it is cut off after a second, and a busy machine may take longer"
        assert ready.status_code == 503
        assert ready.json()["checks"]["cache"]["detail"] in ("TimeoutError", "no answer within 1 s")
        assert answered(served, key)
        gate.open()
        eventually(lambda: served.get("/readyz").status_code == 200, 10, "ready again")
