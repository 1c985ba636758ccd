"""What is left behind: memory after five hundred streams at once, and after a hundred thousand requests in a row."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks import everything, servers
from benchmarks.hot_path import BODY, CALLER_CORE, SERVER_CORE

PATH = "/v1/chat/completions"
FIRST = 5_000
MORE = 2
"""Bursts of streams after the first."""
CHUNKS = 100
SETTLED_SECONDS = 25
"""By then all that a server does by itself has been done once."""


def later(wait: int) -> str:
    """The column of memory so many seconds after the first burst."""
    return f"MiB {wait} s later"


def streams(callers: int = 500, wait: int = 60, kinds: Sequence[bool] = (True, False)) -> list[dict[str, Any]]:
    """Streams of CHUNKS chunks from the mock, 20 ms between chunks, all begun at once: by a server as it comes, with
    its embedded models in memory, and by one without."""
    return [burst_upon_burst(callers, wait, models=models) for models in kinds]


def burst_upon_burst(callers: int, wait: int, *, models: bool) -> dict[str, Any]:
    """Memory before, of a server that has served some requests and streams and whose own rounds have begun; at most;
    `wait` seconds after a burst, and again after MORE further ones."""
    with (
        servers.mock(CALLER_CORE) as mock,
        everything.lukhas(
            SERVER_CORE, mock.base, "", f"gap=20,chunks={CHUNKS}", LUKHAS_PRELOAD_MODELS=str(models)
        ) as server,
    ):
        server.wait_until_ready()
        plan: dict[str, Any] = {"port": server.port, "path": PATH, "key": server.key}
        warm = {**BODY, "model": everything.CHAT}
        body = {**BODY, "model": everything.STREAM, "stream": True}
        servers.load(CALLER_CORE, kind="closed", bodies=[warm], callers=16, seconds=60, requests=1600, **plan)
        servers.load(CALLER_CORE, kind="streams", bodies=[body], callers=16, **plan)
        time.sleep(min(wait, SETTLED_SECONDS))
        before, cpu = server.resident_mib(), server.cpu_seconds()

        def burst() -> dict[str, Any]:
            return servers.load(CALLER_CORE, kind="streams", bodies=[body], callers=callers, **plan)

        bursts = [burst()]
        cpu = server.cpu_seconds() - cpu
        time.sleep(wait)
        after = server.resident_mib()
        bursts += [burst() for _ in range(MORE)]
        most = server.peak_mib()
        time.sleep(wait)
        in_the_end = server.resident_mib()
    return {
        "streams": callers,
        "embedded models": "in memory" if models else "none",
        "failed": sum(burst["failed"] for burst in bursts),
        "first chunk p50 ms": round(max(burst["first_p50_ms"] for burst in bursts), 1),
        "first chunk p99 ms": round(max(burst["first_p99_ms"] for burst in bursts), 1),
        "whole p50 ms": round(max(burst["whole_p50_ms"] for burst in bursts)),
        "CPU µs a chunk": round(cpu * 1e6 / (callers * CHUNKS), 1),
        "MiB before": round(before, 1),
        "MiB at most": round(most, 1),
        later(wait): round(after, 1),
        "of before": round(after / before, 3),
        f"MiB {wait} s after {MORE} more": round(in_the_end, 1),
    }


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
