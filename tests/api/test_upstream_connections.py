"""The connections to upstreams: each has its own, and its own patience."""

import asyncio
import time
from typing import Any

import pytest
from pytest_django import Settings

from api.backends.upstream import UpstreamBackend
from api.backends.upstream_connections import _Pool
from api.catalog import Limits
from api.exceptions import UpstreamTimeout
from tests.api.upstreams import call_to, chat_request, events_of
from tests.mock_upstream import MockUpstream


class Response:
    """An answer of which nobody wants the rest."""

    closed = False

    def close(self) -> None:
        self.closed = True


async def test_what_still_lingers_when_the_connections_end_ends_with_them(upstream: MockUpstream) -> None:
    pool, response = _Pool(), Response()
    lane = pool.lane(call_to(upstream).target)
    lingering: Any = response
    pool.linger(lingering)
    assert not response.closed
    await pool.close()
    assert response.closed
    assert lane.session.closed


async def test_an_upstream_opens_no_more_connections_than_its_own_limit_and_leaves_the_others_theirs(
    upstream: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_UPSTREAM_CONNECTIONS = 1
    upstream.mode = "hang"
    backend, request = UpstreamBackend(), chat_request()
    limited = [call_to(upstream, limits=Limits(connections=2)) for _ in range(4)]
    waiting = [asyncio.ensure_future(backend.chat(request, call)) for call in limited]
    await asyncio.to_thread(upstream.wait_for_requests, 2)
    upstream.mode = "normal"
    assert await backend.chat(request, call_to(upstream, upstream="other"))
    assert len(upstream.requests) == 3
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await backend.close()


async def test_limits_that_are_changed_hold_for_the_next_request(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.delay = "slow", 0.1
    assert await upstream_backend.chat(chat_request(), call_to(upstream))
    with pytest.raises(UpstreamTimeout):
        await upstream_backend.chat(chat_request(), call_to(upstream, limits=Limits(first=0.02)))
    assert await upstream_backend.chat(chat_request(), call_to(upstream, limits=Limits()))


PATIENT = 30.0


@pytest.mark.parametrize(
    ("mode", "stream", "limits", "events"),
    [
        # Nothing comes at all.
        ("hang", False, Limits(first=0.1), 0),
        ("hang", True, Limits(first=0.1), 0),
        ("hang", False, Limits(whole=0.1), 0),
        # Headers, and then no event, or none but comments.
        ("silent", True, Limits(first=0.1), 0),
        ("comments", True, Limits(first=0.1), 0),
        # A stream that falls silent, however long its first event might have taken.
        ("stall", True, Limits(first=PATIENT, silence=0.1), 2),
        ("stall", True, Limits(silence=0.1, first=0.05), 2),
        # One that goes on, and never comes to its end.
        ("drip", True, Limits(whole=0.3), None),
        ("drip", False, Limits(whole=0.3), 0),
    ],
)
async def test_who_waits_longer_than_the_upstream_is_allowed_gets_a_timeout(
    upstream: MockUpstream,
    upstream_backend: UpstreamBackend,
    mode: str,
    stream: bool,
    limits: Limits,
    events: int | None,
) -> None:
    upstream.mode, upstream.delay = mode, 0.02
    call, passed_on = call_to(upstream, limits=limits), 0

    async def ask() -> None:
        nonlocal passed_on
        if not stream:
            await upstream_backend.chat(chat_request(), call)
        async for piece in upstream_backend.stream_chat(chat_request(stream=True), call):
            passed_on += len(events_of(piece))

    started = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        await ask()
    assert time.monotonic() - started < PATIENT
    assert passed_on == events if events is not None else passed_on > 0
    await asyncio.to_thread(upstream.wait_for_hang_up)


async def test_a_stream_whose_first_event_is_slow_is_none_that_is_silent(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.delay = "slow-first", 0.3
    call = call_to(upstream, limits=Limits(first=PATIENT, silence=0.15))
    events = [event async for event in upstream_backend.stream_chat(chat_request(stream=True), call)]
    assert events[-1] == b"data: [DONE]\n\n"
