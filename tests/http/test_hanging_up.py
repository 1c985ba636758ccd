"""Callers who hang up on a server that tells of it: what the connection itself decides."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from lukhas_site.http.connections import Connection
from lukhas_site.http.exchange import begin
from lukhas_site.http.hanging_up import CALLER, Caller, hang_up

REQUEST = b"POST /%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
LARGE = b"x" * 300_000
"""More than uvicorn takes in before the application asks for it."""
FAR_TOO_MUCH = 16 * 1024 * 1024
"""More than the buffers of sockets hold."""


class Waiting:
    """An application that answers for as long as the caller is there, and knows for which paths it began and ended."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], threading.Event] = {}

    def event(self, what: str, path: str) -> threading.Event:
        return self._events.setdefault((what, path), threading.Event())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        while (message := await receive())["more_body"]:
            assert message["type"] == "http.request"
        gone = hang_up(scope, receive, begin("POST", path))
        self.event("begun", path).set()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while path == "/piece-by-piece":
                await send({"type": "http.response.body", "body": b"a piece", "more_body": True})
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert gone.happened
            self.event("cancelled", path).set()
        finally:
            gone.forget()


async def never() -> NoReturn:
    raise AssertionError("who is told does not listen")


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def client(waiting: Waiting, serve: Any) -> Iterator[socket.socket]:
    with serve(waiting) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        yield client


def test_after_a_large_body_it_is_noticed_too(waiting: Waiting, client: socket.socket) -> None:
    client.sendall(REQUEST % (b"large", len(LARGE), LARGE))
    assert waiting.event("begun", "/large").wait(10)
    client.close()
    assert waiting.event("cancelled", "/large").wait(10)


def test_of_requests_that_were_sent_together_the_one_that_is_answered_ends(
    waiting: Waiting, client: socket.socket
) -> None:
    client.sendall(REQUEST % (b"piece-by-piece", 2, b"{}"))
    assert waiting.event("begun", "/piece-by-piece").wait(10)
    client.sendall(REQUEST % (b"waits-for-its-turn", 2, b"{}"))
    assert not waiting.event("cancelled", "/piece-by-piece").wait(0.1)
    client.close()
    assert waiting.event("cancelled", "/piece-by-piece").wait(10)
    assert not waiting.event("begun", "/waits-for-its-turn").is_set()


def test_of_requests_that_wait_for_their_turn_no_more_are_taken_in_than_buffers_hold(
    waiting: Waiting, client: socket.socket
) -> None:
    client.sendall(REQUEST % (b"first", 2, b"{}"))
    assert waiting.event("begun", "/first").wait(10)
    client.settimeout(1)
    with pytest.raises(TimeoutError):
        send_without_end(client)


def send_without_end(client: socket.socket) -> None:
    """Sends small requests, as long as they are taken within a second, up to far too many."""
    many = (REQUEST % (b"next", 0, b"")) * 1000
    sent = 0
    while sent < FAR_TOO_MUCH:
        sent += client.send(many)


async def test_each_request_of_a_connection_is_told_of_its_own() -> None:
    caller = Caller()
    scope: Any = {CALLER: caller}

    async def request() -> bool:
        """Whether its task was cancelled, though the one before it ended only after it had begun."""
        of_this = hang_up(scope, never, begin("POST", "/"))
        before.forget()
        caller.hangs_up()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return of_this.happened
        finally:
            of_this.forget()
        return False

    before = hang_up(scope, never, begin("POST", "/"))
    assert await asyncio.create_task(request())
    caller.hangs_up()  # nobody is concerned, and nothing happens
    await asyncio.sleep(0)
    assert not before.happened


@pytest.mark.parametrize("done", [True, False])
async def test_whoever_has_all_of_the_answer_did_not_go_before_it(done: bool) -> None:
    caller, exchange = Caller(), begin("POST", "/")

    async def request() -> None:
        gone = hang_up({CALLER: caller}, never, exchange)
        exchange.done = done
        caller.hangs_up()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        gone.forget()

    await asyncio.create_task(request())
    assert exchange.gone is not done


def test_a_connection_that_is_open_keeps_nothing_of_a_request_that_is_answered(serve: Any) -> None:
    callers: list[Caller] = []

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        gone = hang_up(scope, receive, begin("GET", scope["path"]))
        callers.append(scope[CALLER])
        assert callers[-1].concerned is gone
        gone.forget()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with serve(answering, http=Connection) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for _ in range(2):
            client.sendall(REQUEST % (b"", 0, b""))
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert callers[0] is callers[1]
    assert callers[0].concerned is None
