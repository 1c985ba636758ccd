"""What is left behind: memory after five hundred streams at once, and after a hundred thousand requests in a row."""

import time
from typing import Any

from benchmarks import everything, servers
from benchmarks.hot_path import BODY, CALLER_CORE, SERVER_CORE

PATH = "/v1/chat/completions"
FIRST = 5_000
BURSTS = 2
CHUNKS = 100


def streams(callers: int = 500, wait: int = 60) -> list[dict[str, Any]]:
    """Streams of CHUNKS chunks from the mock, 20 ms between chunks, all begun at once, in two bursts; memory before,
    at most, and `wait` seconds after the last one ended."""
    with (
        servers.mock(CALLER_CORE) as mock,
        everything.lukhas(SERVER_CORE, mock.base, "", f"gap=20,chunks={CHUNKS}") as server,
    ):
        plan: dict[str, Any] = {"port": server.port, "path": PATH, "key": server.key}
        warm = {**BODY, "model": everything.CHAT}
        servers.load(CALLER_CORE, kind="closed", bodies=[warm], callers=16, seconds=60, requests=1600, **plan)
        before = server.resident_mib()
        body = {**BODY, "model": everything.STREAM, "stream": True}
        cpu = server.cpu_seconds()
        bursts = [
            servers.load(CALLER_CORE, kind="streams", bodies=[body], callers=callers, **plan) for _ in range(BURSTS)
        ]
        cpu = server.cpu_seconds() - cpu
        most = server.peak_mib()
        time.sleep(wait)
        after = server.resident_mib()
    return [
        {
            "streams": callers,
            "failed": sum(burst["failed"] for burst in bursts),
            "first chunk p50 ms": round(max(burst["first_p50_ms"] for burst in bursts), 1),
            "first chunk p99 ms": round(max(burst["first_p99_ms"] for burst in bursts), 1),
            "whole p50 ms": round(max(burst["whole_p50_ms"] for burst in bursts)),
            "CPU µs a chunk": round(cpu * 1e6 / (BURSTS * callers * CHUNKS), 1),
            "MiB before": round(before, 1),
            "MiB at most": round(most, 1),
            f"MiB {wait} s later": round(after, 1),
            "of before": round(after / before, 3),
        }
    ]


def in_a_row(requests: int = 100_000) -> list[dict[str, Any]]:
    """Memory after the first five thousand requests, and after each fifth of the others."""
    with servers.mock(CALLER_CORE) as mock, everything.lukhas(SERVER_CORE, mock.base) as server:
        plan = {
            "kind": "closed", "port": server.port, "path": PATH, "key": server.key, "callers": 16, "seconds": 600,
            "bodies": [{**BODY, "model": everything.CHAT}],
        }  # fmt: skip
        rows: list[dict[str, Any]] = []
        done = failed = 0
        for until in (FIRST, *(FIRST + (requests - FIRST) * fifth // 5 for fifth in range(1, 6))):
            figures = servers.load(CALLER_CORE, **plan, requests=until - done)
            done += figures["requests"]
            failed += figures["failed"]
            memory = server.resident_mib()
            first = rows[0]["MiB"] if rows else memory
            rows.append(
                {
                    "requests": done,
                    "failed": failed,
                    "MiB": round(memory, 1),
                    "of the first": round(memory / first, 3),
                    "req/s": round(figures["per_second"]),
                }
            )
    return rows
