"""The balancer of the soak."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.balancer import Balancer

Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def saying(name: bytes) -> Served:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(name + line)
        writer.close()
        await writer.wait_closed()

    return serve


async def heard(port: int) -> bytes:
    """What a new connection is told, asked twice."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    for _ in range(2):
        writer.write(b"\n")
        said += (await reader.readline()).strip()
    writer.close()
    await writer.wait_closed()
    return said


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def test_connections_take_turns_stay_where_they_are_and_pass_over_who_is_gone() -> None:
    first = await asyncio.start_server(saying(b"A"), "127.0.0.1", 0)
    second = await asyncio.start_server(saying(b"B"), "127.0.0.1", 0)
    balancer = Balancer([port_of(first), port_of(second)])
    listening = await balancer.listen(0)
    port = port_of(listening)

    assert sorted([await heard(port), await heard(port)]) == [b"AA", b"BB"]
    second.close()
    await second.wait_closed()
    assert [await heard(port), await heard(port)] == [b"AA", b"AA"]
    balancer.ports.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    for server in (first, listening):
        server.close()
        await server.wait_closed()
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
