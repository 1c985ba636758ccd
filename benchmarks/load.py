"""A load generator: a closed loop of callers on keep-alive connections, spending as little as Python can on each.

Runs in a process of its own (`python -m benchmarks.load`), so that it can be pinned to another core than the server:
its parameters come as JSON on standard input, its figures go as JSON to standard output.
"""

import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvloop


class Connection:
    """A keep-alive connection, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        return cls(*await asyncio.open_connection(host, port, limit=2**22))

    async def ask(self, request: bytes) -> bytes:
        """Sends a request, reads its answer to the end, and returns the answer's head."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.read_body(head)
        return head

    async def read_body(self, head: bytes) -> None:
        if head.startswith(b"HTTP/1.1 304"):
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            await self.reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            await self.reader.readexactly(size + 2)
        await self.reader.readexactly(2)

    def close(self) -> None:
        self.writer.close()


@dataclass
class Caller:
    """One connection that sends the next request when the last one is answered; its requests go round."""

    host: str
    port: int
    requests: list[bytes]
    good: bytes = b"HTTP/1.1 200"
    times: list[float] = field(default_factory=list)
    failed: int = 0

    async def run(self, until: float, most: float) -> None:
        connection = await Connection.open(self.host, self.port)
        try:
            while len(self.times) < most and time.perf_counter() < until:
                started = time.perf_counter()
                head = await connection.ask(self.requests[len(self.times) % len(self.requests)])
                self.times.append(time.perf_counter() - started)
                self.failed += not head.startswith(self.good)
        finally:
            connection.close()


@dataclass
class Stream:
    """One streamed answer: when its first event with content came, and when it ended, in seconds after the request."""

    host: str
    port: int
    request: bytes
    first: float = 0.0
    last: float = 0.0
    whole: bool = False

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**22)
        started = time.perf_counter()
        writer.write(self.request)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"data: ")
        self.first = time.perf_counter() - started
        await reader.readuntil(b"data: [DONE]\n\n")
        self.last = time.perf_counter() - started
        self.whole = True
        writer.close()


def http_request(authority: str, path: str, key: str, body: dict[str, Any], headers: dict[str, str]) -> bytes:
    """A whole POST, as bytes."""
    payload = json.dumps(body).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\n{more}Content-Length: {len(payload)}\r\n\r\n"
    ).encode() + payload


def requests(plan: dict[str, Any]) -> list[list[bytes]]:
    """The requests of each caller: `bodies` are dealt out, or all have the same where there are fewer than callers."""
    headers = plan.get("headers", {})
    authority = f"{plan['host']}:{plan['port']}"
    made = [http_request(authority, plan["path"], plan["key"], body, headers) for body in plan["bodies"]]
    callers = plan["callers"]
    return [made[at::callers] if len(made) >= callers else made for at in range(callers)]


def percentile(times: list[float], share: float) -> float:
    """The nearest-rank percentile, in milliseconds."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


async def closed_loop(plan: dict[str, Any]) -> dict[str, Any]:
    """For `seconds`, or until there were so many `requests` if that is sooner."""
    most = plan.get("requests", math.inf) / plan["callers"]
    good = b"HTTP/1.1 %d" % plan.get("status", 200)
    callers = [Caller(plan["host"], plan["port"], own, good) for own in requests(plan)]
    started = time.perf_counter()
    await asyncio.gather(*(caller.run(started + plan["seconds"], most) for caller in callers))
    elapsed = time.perf_counter() - started
    times = [one for caller in callers for one in caller.times]
    return {
        "requests": len(times),
        "failed": sum(caller.failed for caller in callers),
        "per_second": len(times) / elapsed,
        "p50_ms": percentile(times, 0.5),
        "p95_ms": percentile(times, 0.95),
        "p99_ms": percentile(times, 0.99),
    }


async def streams(plan: dict[str, Any]) -> dict[str, Any]:
    running = [Stream(plan["host"], plan["port"], own[0]) for own in requests(plan)]
    await asyncio.gather(*(stream.run() for stream in running))
    first = [stream.first for stream in running]
    return {
        "streams": len(running),
        "failed": sum(not stream.whole for stream in running),
        "first_p50_ms": percentile(first, 0.5),
        "first_p99_ms": percentile(first, 0.99),
        "whole_p50_ms": percentile([stream.last for stream in running], 0.5),
    }


KINDS = {"closed": closed_loop, "streams": streams}


def main(kinds: Mapping[str, Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]]) -> None:
    """Does what standard input asks for."""
    wanted = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(kinds[wanted["kind"]](wanted))))


if __name__ == "__main__":
    main(KINDS)
