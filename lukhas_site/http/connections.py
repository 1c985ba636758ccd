"""Connections of callers: uvicorn's own, that are let go as soon as they are lost, and tell of it."""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lukhas_site.http.hanging_up import CALLER, Caller


class Connection(HttpToolsProtocol):
    """uvicorn leaves the timer of an idle connection running when it is reset rather than closed, and with it all that
    its last request was made of, for as long as idle connections are kept: many proxies end theirs so.

    And it says that a caller has hung up to whoever waits for a message: a task for each request that takes long, which
    this spares. Where requests are pipelined, it says so to the last of them only, and this to the one that is served.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caller = Caller()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CALLER] = self.caller

    def on_message_complete(self) -> None:
        """Goes on reading after a large body: only who reads learns of the end."""
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.caller.hangs_up()
