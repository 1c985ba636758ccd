"""The kill switch: a command in one process, seen by the servers in others; and what those write to their logs."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.features.ofrep import EVALUATE
from tests.processes import Installation, Served, eventually

pytestmark = pytest.mark.timeout(300)  # processes start slowly where many do
WHO = {"targetingKey": "user-4711", "email": "ada@example.com"}


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "data")


@pytest.fixture
def key(place: Installation) -> str:
    key = place.bootstrap()
    half = {"fractional": [["on", 1], ["off", 1]]}
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    file = place.data / "flags.json"
    file.write_text(json.dumps({"flags": {"dark": flag, "split": {**flag, "targeting": half}}}))
    place.manage("flag", "import", str(file))
    return key


@pytest.fixture
def servers(place: Installation, key: str) -> Iterator[list[Served]]:
    with ExitStack() as stack:
        yield [stack.enter_context(place.serve()) for _ in range(2)]


def ask(server: Served, key: str, path: str = "/dark", **context: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(
        f"{server.url}{EVALUATE}{path}", json={"context": {**WHO, **context}}, headers=headers, timeout=30
    )


def test_a_command_is_seen_by_every_process(place: Installation, key: str, servers: list[Served]) -> None:
    def values() -> list[Any]:
        return [ask(server, key).json().get("value") for server in servers]

    assert values() == [True, True]
    place.manage("flag", "off", "dark")
    eventually(lambda: values() == [None, None], 10, "every process has seen the change")


def test_nothing_of_a_context_is_answered_or_logged(key: str, servers: list[Served]) -> None:
    server = servers[0]
    found = [
        ask(server, key, path, **more)
        for path in ("/dark", "/split", "/nothing", "")
        for more in ({}, {"targetingKey": None}, {"more": "x" * 70_000})
    ]
    broken: dict[str, Any] = {"content": json.dumps(WHO)[:-1], "headers": {"Authorization": f"Bearer {key}"}}
    broken["headers"]["Content-Type"] = "application/json"
    found.append(httpx.post(server.url + EVALUATE, **broken, timeout=30))
    assert {answer.status_code for answer in found} == {200, 400, 404, 413}
    server.stop()
    log = server.log.read_text()
    assert [json.loads(line)["path"] for line in log.splitlines() if EVALUATE in line]
    for text in (log, *(answer.text for answer in found)):
        assert "user-4711" not in text
        assert "ada@example.com" not in text
