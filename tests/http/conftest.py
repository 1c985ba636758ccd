"""What the floor's tests share: a caller for ASGI applications, a real server, and a way to render errors."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from lukhas_site.http.edge import Edge
from lukhas_site.http.exchange import App, Exchange
from tests.serving import Server

Headers = Sequence[tuple[str, str]]


@dataclass
class Answer:
    """What an application sent: `headers` by name in lower case, the values of a repeated one joined by commas."""

    messages: list[Any] = field(default_factory=list)

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        joined: dict[str, str] = {}
        for raw_name, raw_value in self.messages[0]["headers"]:
            name, value = raw_name.decode().lower(), raw_value.decode("latin-1")
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    @property
    def pieces(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:]]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class Caller:
    """Calls an ASGI application as a server would, for one request.

    `chunks` are the pieces of the body; after them the caller waits, or hangs up when `hang_up` is set.
    """

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        headers: Headers = (),
        chunks: Sequence[bytes] = (b"",),
        complete: bool = True,
        **scope: Any,
    ) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
            "scheme": "http",
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 50000),
            **scope,
        }
        self.answer = Answer()
        self.hang_up = asyncio.Event()
        self.received = 0
        self._incoming = [
            {"type": "http.request", "body": chunk, "more_body": not complete or number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]

    async def receive(self) -> Any:
        if self._incoming:
            message = self._incoming.pop(0)
            self.received += len(message["body"])
            return message
        await self.hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.answer.messages.append(message)

    async def call(self, app: App) -> Answer:
        await asyncio.wait_for(app(self.scope, self.receive, self.send), 10)
        return self.answer


@pytest.fixture
def caller() -> type[Caller]:
    return Caller


@pytest.fixture
def ask() -> Callable[..., Awaitable[Answer]]:
    """`await ask(app, method, path, headers=…, chunks=…)`: one request, and what the application sent."""

    async def call(app: App, method: str = "GET", path: str = "/", **rest: Any) -> Answer:
        return await Caller(method, path, **rest).call(app)

    return call


def problem(error: Exception, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    status = getattr(error, "status_code", 500)
    body = {"problem": str(error) if status < 500 else "crash", "request": exchange.request_id}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


@pytest.fixture
def edge() -> Callable[..., Edge]:
    """Wraps an application; errors are rendered as `{"problem", "request"}`."""
    return lambda app, **options: Edge(app, problem, **options)


def _only_an_edges(logger: Any, name: str, event: Any) -> Any:
    if event["event"] not in {"request", "crash"}:
        raise structlog.DropEvent
    return event


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """The lines that an edge logs during the test."""
    with structlog.testing.capture_logs(processors=[_only_an_edges]) as lines:
        yield lines


@contextmanager
def _serving(app: App, **options: Any) -> Iterator[int]:
    async def with_lifespan(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
        else:
            await app(scope, receive, send)

    with Server(with_lifespan, **options) as server:
        yield server.socket.getsockname()[1]


@pytest.fixture
def serve() -> Callable[..., Any]:
    """`with serve(app) as port:` a real uvicorn on a loopback port, with the options of `Server`."""
    return _serving
