"""How many events a second one process takes in: batches of a hundred, judged, redacted, and in the database before
they are answered; over HTTP, from sixteen callers.

The server is pinned to one core, callers and PostgreSQL are on the other; SQLite, then PostgreSQL where
LUKHAS_BENCHMARK_DATABASE_URL names an empty database. Events come without ids and get them. Run by itself:
`python -m benchmarks.events`.
"""

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from benchmarks import report, servers
from benchmarks.hot_path import CALLER_CORE, SERVER_CORE

PATH = "/api/analytics/events"
SIZE = 100
GOALS = {"SQLite": 10_000, "PostgreSQL": 20_000}


def batch() -> dict[str, Any]:
    """A hundred events of ten visits, with six properties each."""
    now = datetime.now(UTC).isoformat()
    properties = {
        "path": "/docs/quickstart",
        "referrer": "https://example.com/search",
        "width": 1280,
        "dark": True,
        "title": "Welcome to it",
        "position": 3,
    }
    one = {"event": "page_view", "properties": properties, "timestamp": now}
    return {"events": [{**one, "session_id": f"s-{number // 10}"} for number in range(SIZE)], "sent_at": now}


def run(rounds: int = 5, seconds: float = 4.0, callers: int = 16) -> list[dict[str, Any]]:
    """One row a database: the best round, for others may use the machine; and the processor time of the server, by
    which it is told what it would take in if it had the core for itself."""
    url = os.environ.get("LUKHAS_BENCHMARK_DATABASE_URL", "")
    found = []
    for name, database in (("SQLite", ""), *([("PostgreSQL", url)] if url else [])):
        with ExitStack() as stack:
            server = stack.enter_context(servers.lukhas(SERVER_CORE, DATABASE_URL=database))
            measured = [measure(server, seconds, callers) for _ in range(rounds)]
        best = min(measured, key=lambda each: float(each["cpu_us"]))
        found.append(
            {
                "events": name,
                "events/s": round(max(each["per_second"] for each in measured) * SIZE),
                "p50 ms": round(best["p50_ms"], 1),
                "CPU µs an event": round(best["cpu_us"], 1),
                "events a CPU second": round(1e6 / best["cpu_us"]),
                "goal": GOALS[name],
            }
        )
    return found


def measure(server: servers.Running, seconds: float, callers: int) -> dict[str, Any]:
    """One round. Raises RuntimeError where a batch was not answered with 202."""
    before = server.cpu_seconds()
    figures = servers.load(
        CALLER_CORE,
        kind="closed",
        port=server.port,
        path=PATH,
        key=server.key,
        bodies=[batch()],
        callers=callers,
        seconds=seconds,
        status=202,
    )
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']} of {figures['requests']} batches failed")
    return {**figures, "cpu_us": (server.cpu_seconds() - before) * 1e6 / figures["requests"] / SIZE}


if __name__ == "__main__":
    report.write("events", run())
