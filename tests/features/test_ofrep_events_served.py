"""Event streams of two servers that share a database: the address of one opens a stream of the other, a command in a
third process is told by both, and a server that is to end waits for none of them."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.features.listening import listening
from tests.features.ofrep import ADA, EVALUATE, checked
from tests.processes import Installation, Served

pytestmark = pytest.mark.timeout(300)  # processes start slowly where many do


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "data")


@pytest.fixture
def key(place: Installation) -> str:
    key = place.bootstrap()
    place.manage("flag", "create", "dark", "--on")
    return key


@pytest.fixture
def servers(place: Installation, key: str) -> Iterator[list[Served]]:
    with ExitStack() as stack:
        yield [stack.enter_context(place.serve()) for _ in range(2)]


def ask(server: Served, key: str, **query: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(server.url + EVALUATE, json=ADA, headers=headers, params=query, timeout=30)


def test_a_command_is_told_by_every_server_and_their_end_waits_for_no_stream(
    place: Installation, key: str, servers: list[Served]
) -> None:
    url = urlsplit(ask(servers[0], key).json()["eventStreams"][0]["url"])
    with ExitStack() as stack:
        open_ = [stack.enter_context(listening(f"{server.url}{url.path}?{url.query}")) for server in servers]
        place.manage("flag", "off", "dark")
        for server, stream in zip(servers, open_, strict=True):
            event = stream.event()
            fresh = checked(ask(server, key, flagConfigEtag=event["etag"]), bulk=True)
            assert fresh["flags"][0]["reason"] == "DISABLED"
        for server, stream in zip(servers, open_, strict=True):
            server.stop(signal.SIGTERM)
            assert stream.rest() == []
    token = url.query.removeprefix("token=")
    for server in servers:
        log = server.log.read_text()
        lines = [json.loads(line) for line in log.splitlines() if '"/ofrep/v1/events"' in line]
        assert [line["status"] for line in lines] == [200]
        assert "graceful shutdown exceeded" not in log
        assert token[:20] not in log
        assert "token=" not in log
