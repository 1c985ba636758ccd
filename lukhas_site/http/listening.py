"""Listening, so that new callers are let in however busy the server is with others."""

import socket

AT_ONCE = 16
"""How many new connections a turn of the event loop lets in."""


def bound(host: str, port: int) -> socket.socket:
    """A socket of that address, on which nobody listens yet. Raises OSError where that is not to be had."""
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def listeners(sock: socket.socket) -> list[socket.socket]:
    """The socket, and duplicates of it, for a server to listen on all of them.

    libuv, which uvloop is made of, lets in one new connection a turn for each socket that it listens on. When hundreds
    of streams are under way a turn takes long, and who comes then would wait until most of them are over: of 500
    callers who came at once, the last ones for more than two seconds.
    """
    return [sock, *(sock.dup() for _ in range(AT_ONCE - 1))]
