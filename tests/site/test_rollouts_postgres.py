"""The kill switch of a rollout, thrown in one process, is obeyed by four servers within two seconds, without Redis."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.processes import Installation, Served, eventually
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install

SERVERS = 4
SEEN_WITHIN = 2.0
"""Seconds, as the documentation promises."""
PLAIN, NEXT = "lukhas-echo-1", "lukhas-echo-2"
ROLL_OUT = """
from tests.api.rollouts import make_flag, make_models
make_models()
make_flag(default_variant="next")
"""
SWITCH = """
import time
from features.models import FlagState
FlagState.objects.update(enabled={enabled})
print("done at", time.time())
"""


@pytest.fixture
def site(install: Install, postgresql: Database) -> Installation:
    return install(DATABASE_URL=postgresql.url())


@contextmanager
def several(site: Installation) -> Iterator[list[Served]]:
    with ExitStack() as stack:
        yield [stack.enter_context(site.serve()) for _ in range(SERVERS)]


def switch(site: Installation, *, enabled: bool) -> float:
    """Switches the flag in a process of its own; returns when that was done, in seconds since the epoch."""
    told = site.manage("shell", "--verbosity", "0", "--command", SWITCH.format(enabled=enabled)).stdout
    return float(told.split("done at")[1])


@pytest.mark.timeout(300)
def test_the_kill_switch_reaches_four_servers_within_two_seconds(site: Installation) -> None:
    key = site.bootstrap()
    site.manage("shell", "--verbosity", "0", "--command", ROLL_OUT)
    with several(site) as servers, httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:

        def answers() -> list[tuple[str, str | None]]:
            """Which model answers at each server, and which variant that is."""
            body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}
            found = [client.post(f"{served.url}/v1/chat/completions", json=body) for served in servers]
            return [(answer.json()["model"], answer.headers.get("x-lukhas-variant")) for answer in found]

        for enabled, expected in ((None, (NEXT, "next")), (False, (PLAIN, None)), (True, (NEXT, "next"))):
            since = time.time() if enabled is None else switch(site, enabled=enabled)
            left = max(since + SEEN_WITHIN - time.time(), 0.1)
            eventually(lambda expected=expected: answers() == [expected] * SERVERS, left, f"all answer {expected}")
