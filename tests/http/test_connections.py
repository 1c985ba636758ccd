"""Connections of callers, on real sockets."""

import gc
import socket
import struct
import weakref
from contextlib import closing

import pytest

from lukhas_site.http.connections import Connection
from tests.processes import eventually
from tests.serving import Server

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST instead of FIN."""


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_lost_while_it_is_idle_is_let_go_however_it_ended(served: Server, reset: bool) -> None:
    before = known(served)
    with closing(socket.create_connection(served.socket.getsockname())) as caller:
        caller.sendall(REQUEST)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
        (connection,) = (weakref.ref(each) for each in known(served) - before)
        if reset:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    eventually(lambda: gc.collect() >= 0 and connection() is None, 10, "it is let go")


def known(server: Server) -> set[Connection]:
    connections = server.uvicorn.server_state.connections
    return {each for each in connections if isinstance(each, Connection)}
