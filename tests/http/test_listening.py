"""Who is let in while the server is busy."""

import asyncio
import socket
from contextlib import ExitStack

import pytest
import uvloop

from lukhas_site.http.listening import AT_ONCE, bound, listeners


class Caller(asyncio.Protocol):
    """A connection that is only counted."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Caller.made += 1


async def turns(sockets: list[socket.socket]) -> int:
    """How many turns of the loop it takes to let in AT_ONCE callers who are all there already."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        for each in sockets:
            stack.callback((await loop.create_server(Caller, sock=each)).close)
        Caller.made = taken = 0
        for _ in range(AT_ONCE):
            stack.enter_context(socket.create_connection(sockets[0].getsockname()))
        while Caller.made < AT_ONCE:
            await asyncio.sleep(0)
            taken += 1
            assert taken < 1000
    return taken


def test_those_who_come_at_once_are_let_in_at_once() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns(listeners(socket.create_server(("127.0.0.1", 0))))) < AT_ONCE
        assert runner.run(turns([socket.create_server(("127.0.0.1", 0))])) >= AT_ONCE, "one socket would do"


def test_an_address_is_taken_before_anybody_is_let_in() -> None:
    with bound("localhost", 0) as made:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(made.getsockname()[:2])
        made.listen()
        socket.create_connection(made.getsockname()[:2]).close()
        with pytest.raises(OSError, match="already in use"):
            bound("localhost", made.getsockname()[1])


def test_all_are_the_same_socket() -> None:
    with ExitStack() as stack:
        made = [stack.enter_context(each) for each in listeners(socket.create_server(("127.0.0.1", 0)))]
        assert len({each.getsockname() for each in made}) == 1
        assert len({each.fileno() for each in made}) == len(made) == AT_ONCE
