"""Answers on their way out, as ASGI messages."""

import asyncio
from contextlib import aclosing
from typing import Any

from django.http.response import HttpResponseBase

from lukhas_site.http.exchange import Message, Send
from lukhas_site.http.sse import Events, EventStream


async def send_whole(response: Any, send: Send) -> None:
    """Sends a complete answer in one piece, so that the edge knows its length."""
    await send(_start(response))
    await send({"type": "http.response.body", "body": response.content})


async def send_stream(response: Any, send: Send) -> None:
    """Sends a stream piece by piece, with comments while it is silent. It is closed when this ends, however it ends."""
    events = response.events if isinstance(response, EventStream) else None
    comments = _Comments(events, send) if events else None
    start, pieces = _start(response), aiter(response)
    del response  # nobody asks for it any more, and a stream may go on for long
    try:
        await send(start)
        del start
        async with aclosing(pieces):
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                del piece  # none of what is sent is held while the next one is waited for
    finally:
        if comments is not None:
            comments.end()
        if events is not None:
            await events.aclose()
    await send({"type": "http.response.body"})


class _Comments:
    """Has the comments of a stream sent, from when the first of them may be due: most streams are over before."""

    __slots__ = ("_events", "_send", "_task", "_timer")

    def __init__(self, events: Events, send: Send) -> None:
        self._events = events
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(events.ping_every, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._events.keep_alive(self._send))

    def end(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


def _start(response: HttpResponseBase) -> Message:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    if response.cookies:
        headers += [(b"Set-Cookie", morsel.OutputString().encode("ascii")) for morsel in response.cookies.values()]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}
