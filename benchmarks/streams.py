"""64 streams at once from the echo, 20 ms between chunks, on one process: how soon each hears something."""

from statistics import median
from typing import Any

from benchmarks import report, servers

TEXT = "one two three four five six seven eight nine ten " * 5


def run(rounds: int = 5, callers: int = 64) -> list[dict[str, Any]]:
    """One row: medians over the rounds."""
    body = {"model": "lukhas-echo-1", "stream": True, "messages": [{"role": "user", "content": TEXT}]}
    with servers.lukhas(1, model="lukhas-echo-1", LUKHAS_ECHO_CHUNK_SECONDS="0.02") as server:
        plan: dict[str, Any] = {
            "kind": "streams", "port": server.port, "path": "/v1/chat/completions", "key": server.key,
            "bodies": [body], "callers": callers,
        }  # fmt: skip
        servers.load(0, **plan)
        rows = [servers.load(0, **plan) for _ in range(rounds)]
    return [
        {
            "streams": callers,
            "failed": sum(row["failed"] for row in rows),
            "first chunk p50 ms": round(median(row["first_p50_ms"] for row in rows), 1),
            "first chunk p99 ms": round(median(row["first_p99_ms"] for row in rows), 1),
            "whole p50 ms": round(median(row["whole_p50_ms"] for row in rows)),
        }
    ]


if __name__ == "__main__":
    report.write("streams", run())
