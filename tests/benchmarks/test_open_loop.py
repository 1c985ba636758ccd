"""Open-loop arrivals, and what they see of a server that stalls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from benchmarks.open_loop import arrivals, open_loop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
STALL = 0.3


def test_uniform_arrivals_are_evenly_apart() -> None:
    assert arrivals(4, 1.5, "uniform") == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_poisson_arrivals_have_the_rate_and_gaps_that_are_exponential() -> None:
    due = arrivals(100, 100, "poisson")
    gaps = [after - before for before, after in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5

    assert due == sorted(due)
    assert 0 <= due[0] <= due[-1] < 100
    assert mean == pytest.approx(0.01, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.05)


def test_the_same_seed_gives_the_same_arrivals_and_another_seed_others() -> None:
    assert arrivals(10, 10, "poisson", seed=7) == arrivals(10, 10, "poisson", seed=7)
    assert arrivals(10, 10, "poisson", seed=7) != arrivals(10, 10, "poisson", seed=8)


class Stalling(asyncio.Protocol):
    """Answers nobody until some time after the first request; and then everybody at once."""

    until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        Stalling.until = Stalling.until or loop.time() + STALL
        loop.call_at(Stalling.until, self.transport.write, ANSWER)


@asynccontextmanager
async def stalling() -> AsyncIterator[int]:
    Stalling.until = 0.0
    server = await asyncio.get_running_loop().create_server(Stalling, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("connections", [64, 1])
async def test_every_request_that_was_due_during_a_stall_has_waited_since_it_was_due(connections: int) -> None:
    plan = {"host": "127.0.0.1", "path": "/", "key": "k", "bodies": [{}], "callers": connections, "seconds": STALL}
    async with stalling() as port:
        found = await open_loop({**plan, "port": port, "rate": 100, "spread": "uniform"})

    assert found["requests"] == 30
    assert found["failed"] == 0
    # Half of them were due in the first half of the stall: they have waited for its second half, at least.
    assert found["p50_ms"] >= STALL / 2 * 1000 - 10


async def test_answers_that_are_no_success_are_counted_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.test_open_loop.ANSWER", ANSWER.replace(b"200 OK", b"503 No"))
    plan = {"host": "127.0.0.1", "path": "/", "key": "k", "bodies": [{}], "callers": 2, "seconds": 0.1, "rate": 50}
    async with stalling() as port:
        found = await open_loop({**plan, "port": port, "spread": "uniform"})

    assert (found["requests"], found["failed"]) == (5, 5)
