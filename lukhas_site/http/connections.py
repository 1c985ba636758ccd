"""Connections of callers: uvicorn's own, that are let go as soon as they are lost."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """uvicorn leaves the timer of an idle connection running when it is reset rather than closed, and with it all that
    its last request was made of, for as long as idle connections are kept: many proxies end theirs so."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
