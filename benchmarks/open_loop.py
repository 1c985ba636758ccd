"""An open loop: requests leave at times that were fixed beforehand, whether the server keeps up or not.

A closed loop waits for a slow answer before it asks again, and so never asks while the server is slow: a stall of a
second is one bad figure among thousands. Here every request that was due during the stall counts, from when it was due.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import Connection, http_request, main, percentile


def arrivals(rate: float, seconds: float, spread: str, seed: int = 1) -> list[float]:
    """When requests are due, in seconds from the start: evenly, or by chance as from many callers who know nothing of
    each other. The same seed gives the same times."""
    if spread == "uniform":
        return [number / rate for number in range(int(rate * seconds))]
    chance = random.Random(seed)
    due = []
    at = chance.expovariate(rate)
    while at < seconds:
        due.append(at)
        at += chance.expovariate(rate)
    return due


@dataclass
class OpenLoop:
    """Sends one request at each of the times. A request takes a connection that is free, or a new one while there are
    fewer than `connections`; else it waits for one, and that counts as well."""

    host: str
    port: int
    request: bytes
    connections: int
    good: bytes = b"HTTP/1.1 200"
    latencies: list[float] = field(default_factory=list)
    """Seconds from when a request was due to its answer's last byte."""
    late: list[float] = field(default_factory=list)
    """Seconds from when a request was due to when it could be handed out: what is this generator's own."""
    failed: int = 0

    def __post_init__(self) -> None:
        self.idle: list[Connection] = []
        self.room = asyncio.Semaphore(self.connections)

    async def run(self, due: list[float]) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.TaskGroup() as sent:
            for at in due:
                if (wait := begin + at - loop.time()) > 0:
                    await asyncio.sleep(wait)
                self.late.append(loop.time() - begin - at)
                sent.create_task(self.one(begin + at))
        for connection in self.idle:
            connection.close()

    async def one(self, due: float) -> None:
        async with self.room:
            connection = self.idle.pop() if self.idle else await Connection.open(self.host, self.port)
            head = await connection.ask(self.request)
            self.latencies.append(asyncio.get_running_loop().time() - due)
            self.failed += not head.startswith(self.good)
            self.idle.append(connection)


async def open_loop(plan: dict[str, Any]) -> dict[str, Any]:
    """What `plan` asks for: `rate` a second for `seconds`, spread as `spread` says, over at most `callers` connections.

    Times are in milliseconds, from when a request was due.
    """
    request = http_request(
        f"{plan['host']}:{plan['port']}", plan["path"], plan["key"], plan["bodies"][0], plan.get("headers", {})
    )
    due = arrivals(plan["rate"], plan["seconds"], plan.get("spread", "poisson"))
    loop = OpenLoop(plan["host"], plan["port"], request, plan["callers"])
    await loop.run(due)
    return {
        "requests": len(loop.latencies),
        "failed": loop.failed,
        "p50_ms": percentile(loop.latencies, 0.5),
        "p95_ms": percentile(loop.latencies, 0.95),
        "p99_ms": percentile(loop.latencies, 0.99),
        "late_p99_ms": percentile(loop.late, 0.99),
    }


if __name__ == "__main__":
    main({"open": open_loop})
