"""When a caller hangs up, the upstream is hung up on within a tenth of a second, at whatever stage it was."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from api.backends.base import Call
from api.backends.upstream import UpstreamBackend
from tests.api.upstreams import call_to, chat_request, embedding_request
from tests.mock_upstream import MockUpstream

AT_ONCE = 0.1


async def chat(backend: UpstreamBackend, call: Call) -> None:
    await backend.chat(chat_request(), call)


async def embed(backend: UpstreamBackend, call: Call) -> None:
    await backend.embed(embedding_request(), call)


async def stream(backend: UpstreamBackend, call: Call) -> None:
    async for _ in backend.stream_chat(chat_request(stream=True), call):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("ask", "mode"), [(chat, "hang"), (embed, "hang"), (stream, "hang"), (stream, "silent"), (stream, "stall")]
)
async def test_cancelling_hangs_up_on_the_upstream_at_once(
    upstream: MockUpstream,
    upstream_backend: UpstreamBackend,
    ask: Callable[[UpstreamBackend, Call], Awaitable[None]],
    mode: str,
) -> None:
    upstream.mode = mode
    task = asyncio.ensure_future(ask(upstream_backend, call_to(upstream)))
    await asyncio.to_thread(upstream.wait_for_request)
    await asyncio.sleep(0.05)
    assert upstream.hang_ups == []
    cancelled = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(upstream.wait_for_hang_up) - cancelled < AT_ONCE
    upstream.mode = "normal"
    assert await upstream_backend.chat(chat_request(), call_to(upstream))


async def test_closing_a_stream_between_two_events_hangs_up_on_the_upstream_at_once(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.delay = "slow", 0.3
    events = upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))
    await anext(events)
    closed = time.monotonic()
    await events.aclose()
    assert await asyncio.to_thread(upstream.wait_for_hang_up) - closed < AT_ONCE


async def test_a_stream_that_was_never_begun_asks_nothing(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    await upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)).aclose()
    assert upstream.requests == []
