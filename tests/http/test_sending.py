"""Answers on their way out."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from lukhas_site.http.sending import send_stream
from lukhas_site.http.sse import PING, EventStream

EVERY = 0.02


@pytest.mark.parametrize("seconds", [0.0, 6 * EVERY], ids=["over at once", "silent for a while"])
async def test_comments_are_sent_while_a_stream_is_silent_and_never_after_its_end(seconds: float) -> None:
    sent: list[Any] = []

    async def events() -> AsyncGenerator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.sleep(seconds)
        yield b"data: 2\n\n"

    async def send(message: Any) -> None:
        sent.append(message)

    stream = await EventStream.start(events(), on_error=lambda error: b"", ping_every=EVERY)
    await send_stream(stream, send)
    count = len(sent)
    bodies = [message["body"] for message in sent[1:-1]]
    assert sent[0]["type"] == "http.response.start"
    assert [body for body in bodies if body != PING] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert PING in bodies or not seconds
    await asyncio.sleep(6 * EVERY)
    assert len(sent) == count
    assert asyncio.all_tasks() == {asyncio.current_task()}
