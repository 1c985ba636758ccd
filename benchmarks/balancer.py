"""A small TCP balancer: each new connection goes to the next server that is in rotation, and stays there."""

import asyncio
import contextlib

BLOCK = 2**16


class Balancer:
    """Listens on one port. `ports` are those in rotation, and may change at any time; one that refuses a connection is
    passed over. Where none takes it, the caller is hung up on."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.turn = 0

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self.accept, "127.0.0.1", port)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await self.connect()
        if behind is None:
            await hang_up(writer)
            return
        # Whoever ends first has both ended: neither server nor client closes half a connection.
        there = asyncio.ensure_future(carry(reader, behind[1]))
        back = asyncio.ensure_future(carry(behind[0], writer))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for direction in (there, back):
            direction.cancel()
        await asyncio.wait({there, back})
        await hang_up(writer)
        await hang_up(behind[1])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.ports)):
            self.turn += 1
            port = self.ports[self.turn % len(self.ports)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the sender has ended, or the receiver is gone."""
    with contextlib.suppress(OSError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
