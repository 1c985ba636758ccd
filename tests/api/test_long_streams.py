"""What a stream keeps while it waits for its next piece: nothing of the request, which may be large, and none of what
was sent, for there may be many of them, and each may go on for long."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIRequest
from django.urls import ResolverMatch
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from accounts.limits.gate import Reservation
from api import tracing
from api.backends.base import Call
from api.catalog import Target
from api.requests import ChatRequest, CompletionRequest, ResponseRequest
from api.serializers.chat import parse_chat
from lukhas_site.http.handler import ApiHandler
from lukhas_site.http.sending import send_stream
from lukhas_site.http.sse import EventStream
from tests.api.commands import run
from tests.mock_upstream import MockUpstream

PROMPT = "a prompt that may be very long"
REQUESTS = (ASGIRequest, ChatRequest, CompletionRequest, ResponseRequest)
BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": PROMPT}]},
    "completions": {"prompt": PROMPT},
    "responses": {"input": PROMPT},
}


@pytest.fixture(autouse=True)
def added(upstream: MockUpstream, database: None) -> None:
    run("add_upstream", "gpu", upstream.url)
    run("add_model", "big", "--upstream", "gpu")
    upstream.mode = "stall"


def holds_prompt(one: Any) -> bool:
    return PROMPT in (one.body.decode() if isinstance(one, ASGIRequest) else str(one))


def held() -> list[Any]:
    """What there is of requests like these, and of headers that were sent."""
    objects = gc.get_objects()
    requests = [one for one in objects if type(one) in REQUESTS and holds_prompt(one)]
    return requests + [one for one in objects if type(one) is Reservation and one.headers]


@pytest.fixture
def kept() -> Iterator[Callable[[], list[type]]]:
    """The kinds of what there is of requests, and was not there when the test began. Within it only that is gone which
    nobody held any more: rings of other tests are not collected meanwhile."""
    gc.collect()
    gc.disable()
    before = held()

    def new() -> list[type]:
        return [type(one) for one in held() if not any(one is former for former in before)]

    yield new
    gc.enable()


@pytest.mark.parametrize("path", BODIES)
def test_one_that_has_begun_keeps_nothing_of_its_request(
    client: httpx.Client, kept: Callable[[], list[type]], path: str
) -> None:
    with client.stream("POST", f"/v1/{path}", json={**BODIES[path], "model": "big", "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit-requests"]
        next(answer.iter_text())
        assert kept() == []


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF])
def test_nor_does_its_span(monkeypatch: pytest.MonkeyPatch, kept: Callable[[], list[type]], sampler: Sampler) -> None:
    monkeypatch.setattr(tracing, "tracer", TracerProvider(sampler=sampler).get_tracer("tests"))
    request = parse_chat({**BODIES["chat/completions"], "model": "big"})
    with tracing.inference_span(request, Call(Target(model="big", upstream="gpu", kind="echo"))) as span:
        assert span.is_recording() is (sampler is ALWAYS_ON)
        del request
        assert kept() == []


class Piece:
    """One that can be watched, as bytes cannot."""


async def test_what_was_sent_is_not_held_while_the_next_piece_is_waited_for() -> None:
    watched: list[weakref.ref[Piece]] = []
    held: list[int] = []

    async def pieces() -> AsyncGenerator[Any]:
        for _ in range(4):
            held.append(sum(one() is not None for one in watched))
            piece = Piece()
            watched.append(weakref.ref(piece))
            yield piece
            del piece
            await asyncio.sleep(0)

    async def send(message: Any) -> None:
        """Sends nothing, and keeps nothing."""

    await send_stream(await EventStream.start(pieces(), on_error=lambda error: b""), send)
    assert held == [0, 0, 0, 0]


class Watched(EventStream):
    """An answer that tells when it is gone."""

    gone = False

    def __del__(self) -> None:
        type(self).gone = True


async def test_nor_is_the_answer_with_its_headers_once_they_are_sent() -> None:
    gone: list[bool] = []

    async def view(request: Any) -> EventStream:
        return await Watched.start(pieces(), on_error=lambda error: b"")

    async def pieces() -> AsyncGenerator[bytes]:
        yield b"data: {}\n\n"
        gone.append(Watched.gone)
        yield b"data: {}\n\n"

    async def send(message: Any) -> None:
        """Sends nothing, and keeps nothing."""

    async def receive() -> Any:
        return {"type": "http.request"}

    handler = ApiHandler()
    handler._lean_chain = view
    match = ResolverMatch(view, (), {}, route="long")
    scope = {"type": "http", "method": "POST", "path": "/long", "headers": [(b"host", b"localhost")]}
    await handler._handle_hot(match, scope, receive, send)
    assert gone == [True]
