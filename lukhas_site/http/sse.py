"""Server-sent events (WHATWG HTML, 9.2): a stream that is alive or over, never merely silent."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Self

from django.conf import settings
from django.http import StreamingHttpResponse

from lukhas_site.http.exchange import Send
from lukhas_site.http.problems import ServerStopping

PING = b": ping\n\n"


class Open:
    """The streams of this process that have not ended. `stopping` is set once they were told to."""

    def __init__(self) -> None:
        self.stopping = False
        self.streams: set[Events] = set()

    def end(self) -> None:
        """Ends each with an error as its last event: the process ends. In the loop that they run in."""
        self.stopping = True
        for stream in self.streams:
            stream.end()


class Events:
    """Whole events on their way, the first of which is there. All that is left of an answer while it is sent.

    Everything happens in the task that sends the answer: cancelling that task cancels the generator where it waits,
    and spans or timeouts that the generator opened stay valid.
    """

    __slots__ = ("__weakref__", "_body", "_end", "_events", "_last", "_on_error", "ping_every")

    def __init__(
        self,
        first: bytes | None,
        events: AsyncGenerator[bytes],
        on_error: Callable[[Exception], bytes],
        ping_every: float,
    ) -> None:
        self._body = self._whole(first, events)
        self._events = events
        self._on_error = on_error
        self.ping_every = ping_every
        self._last = time.monotonic()
        self._end = asyncio.timeout(None)

    def __aiter__(self) -> AsyncGenerator[bytes]:
        return self._body

    async def _whole(self, first: bytes | None, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        try:
            async with self._end:
                opened.streams.add(self)
                try:
                    if first is not None:
                        yield first
                    del first
                    async for event in events:
                        self._last = time.monotonic()
                        yield event
                        del event  # what is sent is not held while the next one is waited for
                finally:
                    opened.streams.discard(self)
        except Exception as error:  # noqa: BLE001 - it becomes the last event
            yield self._on_error(ServerStopping() if self._end.expired() else error)
        finally:
            await events.aclose()

    def end(self) -> None:
        """Has the stream end with an error as its last event, where it waits for the next one."""
        self._end.reschedule(asyncio.get_running_loop().time())

    async def keep_alive(self, send: Send) -> None:
        """Sends a comment whenever the stream was silent for `ping_every` seconds, until cancelled.

        Runs beside the iteration: comments may stand between any two events, and no event waits for a timer.
        """
        while True:
            await asyncio.sleep(self._last + self.ping_every - time.monotonic())
            now = time.monotonic()
            if now - self._last >= self.ping_every:
                self._last = now
                await send({"type": "http.response.body", "body": PING, "more_body": True})

    async def aclose(self) -> None:
        """Closes the generator at once, begun or not, so that what feeds it is free again."""
        await self._body.aclose()
        await self._events.aclose()


class EventStream(StreamingHttpResponse):
    """An answer made of whole `events`, the first of which was there before the answer began."""

    def __init__(self, events: Events) -> None:
        """Use `start`."""
        super().__init__(
            events,
            content_type="text/event-stream; charset=utf-8",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        self.events = events

    @classmethod
    async def start(
        cls,
        events: AsyncGenerator[bytes],
        *,
        on_error: Callable[[Exception], bytes],
        ping_every: float | None = None,
    ) -> Self:
        """The stream of `events`, once the first of them is there. Raises what the generator raises until then.

        A later exception becomes the event that `on_error` makes of it, and the end. `ping_every` is in seconds,
        LUKHAS_STREAM_PING_SECONDS where none is given.
        """
        every = settings.LUKHAS_STREAM_PING_SECONDS if ping_every is None else ping_every
        return cls(Events(await anext(events, None), events, on_error, every))

    def __aiter__(self) -> AsyncGenerator[bytes]:
        """The events themselves: Django's own iterator wraps them twice, and closing it leaves them open."""
        return aiter(self.events)


opened = Open()
