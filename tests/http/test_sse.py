"""A stream of events is alive or over, and what feeds it is free as soon as nobody listens."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from lukhas_site.http import sse
from lukhas_site.http.handler import ApiHandler
from lukhas_site.http.problems import ServerStopping
from lukhas_site.http.sse import PING, EventStream, Open


class Source:
    """Yields the events given; an exception among them is raised; None waits for ever."""

    def __init__(self, *events: bytes | Exception | None) -> None:
        self.closed = False
        self.events = self._run(events)

    async def _run(self, events: tuple[bytes | Exception | None, ...]) -> AsyncGenerator[bytes]:
        try:
            for event in events:
                if event is None:
                    await asyncio.Event().wait()
                elif isinstance(event, Exception):
                    raise event
                else:
                    yield event
        finally:
            self.closed = True


def told(error: Exception) -> bytes:
    return f"data: {error}\n\n".encode()


async def listen(stream: EventStream) -> list[bytes]:
    return [event async for event in stream]


async def test_the_events_arrive_in_order_and_whole() -> None:
    source = Source(b"1", b"2", b"3")

    stream = await EventStream.start(source.events, on_error=told)

    assert await listen(stream) == [b"1", b"2", b"3"]
    assert source.closed
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["Cache-Control"] == "no-cache"
    assert stream.headers["X-Accel-Buffering"] == "no"


async def test_a_failure_before_the_first_event_is_raised() -> None:
    with pytest.raises(LookupError, match="no model"):
        await EventStream.start(Source(LookupError("no model")).events, on_error=told)


async def test_a_failure_after_it_becomes_the_last_event() -> None:
    stream = await EventStream.start(Source(b"1", LookupError("gone"), b"3").events, on_error=told)

    assert await listen(stream) == [b"1", b"data: gone\n\n"]


async def test_a_source_with_nothing_to_say_makes_an_empty_stream() -> None:
    assert await listen(await EventStream.start(Source().events, on_error=told)) == []


@pytest.mark.parametrize("listened", [True, False])
async def test_closing_the_stream_closes_its_source(listened: bool) -> None:
    source = Source(b"1", b"2")
    stream = await EventStream.start(source.events, on_error=told)
    if listened:
        assert await anext(aiter(stream)) == b"1"

    await stream.events.aclose()

    assert source.closed


async def test_closing_the_iterator_closes_the_source() -> None:
    source = Source(b"1", b"2")
    events = aiter(await EventStream.start(source.events, on_error=told))
    await anext(events)

    await events.aclose()

    assert source.closed


async def test_cancelling_whoever_listens_closes_the_source() -> None:
    source = Source(b"1", None)
    task = asyncio.create_task(listen(await EventStream.start(source.events, on_error=told)))
    await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


async def test_a_caller_lost_while_the_answer_begins_frees_the_source() -> None:
    source = Source(b"1", b"2")
    stream = await EventStream.start(source.events, on_error=told)

    async def send(message: Any) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(ApiHandler().send_response(stream, send))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert source.closed


async def pings_during(stream: EventStream, seconds: float, *, speak_every: float | None = None) -> int:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message["body"])

    async def speak(interval: float) -> None:
        async for _ in stream:
            await asyncio.sleep(interval)

    tasks = [asyncio.create_task(stream.events.keep_alive(send))]
    if speak_every is not None:
        tasks.append(asyncio.create_task(speak(speak_every)))
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert set(sent) <= {PING}
    return len(sent)


async def test_silence_is_filled_at_the_pace_asked_for() -> None:
    stream = await EventStream.start(Source(b"1", None).events, on_error=told, ping_every=0.04)

    assert 1 <= await pings_during(stream, 0.2) <= 5


async def test_a_stream_that_speaks_needs_no_comments() -> None:
    stream = await EventStream.start(Source(*[b"x"] * 100).events, on_error=told, ping_every=0.4)

    assert await pings_during(stream, 0.7, speak_every=0.01) == 0


async def test_the_pace_is_the_settings_where_none_is_asked_for(settings: Any) -> None:
    settings.LUKHAS_STREAM_PING_SECONDS = 0.02

    assert await pings_during(await EventStream.start(Source(b"1", None).events, on_error=told), 0.1) >= 1


async def test_when_the_process_ends_a_stream_that_waits_says_so_and_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Open()
    monkeypatch.setattr(sse, "opened", opened)
    source = Source(b"data: 1\n\n", None)
    stream = await EventStream.start(source.events, on_error=told)
    listening = asyncio.create_task(listen(stream))
    await asyncio.sleep(0)
    assert opened.streams == {stream.events}
    opened.end()
    assert await listening == [b"data: 1\n\n", told(ServerStopping())]
    assert source.closed
    assert opened.streams == set()
    opened.end()  # nobody is left to be told
