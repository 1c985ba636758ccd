"""Callers who hang up before they have their answer."""

import asyncio
from typing import Any, Protocol, cast

from lukhas_site.http.exchange import Exchange, Receive, Scope

CALLER = "lukhas.caller"
"""Where a scope has its `Caller`, if the server tells of those who hang up."""

# Most hot requests are answered before this; only then is it worth a task to listen for a caller who hangs up.
_LISTEN_AFTER_SECONDS = 0.02


class HangUp(Protocol):
    """Cancels the task it is made in when the caller hangs up, until told to forget it."""

    happened: bool

    def forget(self) -> None:
        """Takes back the cancellation, for the task goes on: it writes the log line."""


class Caller:
    """Whoever is at the other end of a connection. The server says that they have hung up, to whom it concerns now."""

    __slots__ = ("concerned",)

    def __init__(self) -> None:
        self.concerned: _Told | None = None

    def hangs_up(self) -> None:
        """They have."""
        if self.concerned is not None:
            self.concerned.happen()


def hang_up(scope: Scope, receive: Receive, exchange: Exchange) -> HangUp:
    """Of the caller of this request. Servers that tell nobody are listened to, by what ASGI has for it: a task that
    waits for `http.disconnect`."""
    caller: Caller | None = scope.get(CALLER)
    return _Heard(exchange, receive) if caller is None else _Told(exchange, caller)


class _Cancelling:
    __slots__ = ("_exchange", "_task", "happened")

    def __init__(self, exchange: Exchange) -> None:
        self.happened = False
        self._exchange = exchange
        self._task = cast(asyncio.Task[Any], asyncio.current_task())  # an ASGI application runs in one

    def happen(self) -> None:
        self.happened = True
        if not self._exchange.done:
            self._exchange.gone = True
        self._task.cancel()

    def forget(self) -> None:
        if self.happened:
            self._task.uncancel()


class _Told(_Cancelling):
    __slots__ = ("_caller",)

    def __init__(self, exchange: Exchange, caller: Caller) -> None:
        super().__init__(exchange)
        self._caller = caller
        caller.concerned = self

    def forget(self) -> None:
        if self._caller.concerned is self:  # or it is the next request's already
            self._caller.concerned = None
        super().forget()


class _Heard(_Cancelling):
    __slots__ = ("_listener", "_receive", "_timer")

    def __init__(self, exchange: Exchange, receive: Receive) -> None:
        super().__init__(exchange)
        self._receive = receive
        self._listener: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_LISTEN_AFTER_SECONDS, self._begin)

    def _begin(self) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.happen()

    def forget(self) -> None:
        self._timer.cancel()
        listener, self._listener = self._listener, None  # else a ring: its end holds frames, which hold this object
        if listener is not None:
            listener.cancel()
        super().forget()
