"""The hot path: chat through LUKHAS, everything on, against a bare async Django view that only forwards.

One worker each, pinned to one core; callers and the mock upstream on the other. Rounds are interleaved, and what
counts is the median over the rounds of each round's ratio to the reference.
"""

from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks import report, servers

BODY = {
    "model": "mock-model",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant that answers in one sentence."},
        {"role": "user", "content": "What is the answer to life, the universe and everything?"},
    ],
    "temperature": 0.2,
    "max_tokens": 100,
}
SERVER_CORE, CALLER_CORE = 1, 0


def run(rounds: int = 5, seconds: float = 4.0, callers: int = 16) -> list[dict[str, Any]]:
    """One row a variant: medians over the rounds."""
    with ExitStack() as stack:
        mock = stack.enter_context(servers.mock_upstream(CALLER_CORE))
        variants = {
            "reference": stack.enter_context(servers.reference(mock, SERVER_CORE)),
            "pass-through": stack.enter_context(servers.lukhas(SERVER_CORE, mock=mock)),
            "echo": stack.enter_context(servers.lukhas(SERVER_CORE, model="lukhas-echo-1")),
            "pass-through, stock handler": stack.enter_context(
                servers.lukhas(SERVER_CORE, mock=mock, LUKHAS_LEAN_HANDLER="0")
            ),
        }
        for server in variants.values():
            measure(server, 1.0, callers)
        measured: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, server in variants.items():
                measured[name].append(measure(server, seconds, callers))
    return [summary(name, rows, measured["reference"]) for name, rows in measured.items()]


def measure(server: servers.Running, seconds: float, callers: int) -> dict[str, Any]:
    """One round of one variant, with the processor time that each request took of the server."""
    before = server.cpu_seconds()
    figures = servers.load(
        CALLER_CORE,
        kind="closed",
        port=server.port,
        path="/v1/chat/completions",
        key=server.key,
        bodies=[{**BODY, "model": server.model}],
        callers=callers,
        seconds=seconds,
    )
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']} of {figures['requests']} requests failed")
    cpu = (server.cpu_seconds() - before) * 1000 / figures["requests"]
    return {**figures, "cpu_ms": cpu, "resident_mib": server.resident_mib()}


def summary(name: str, rows: list[dict[str, Any]], reference: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(key: str) -> float:
        return median(row[key] for row in rows)

    ratios = [row["per_second"] / other["per_second"] for row, other in zip(rows, reference, strict=True)]
    return {
        "variant": name,
        "req/s": round(middle("per_second")),
        "of the reference": round(median(ratios), 2),
        "p50 ms": round(middle("p50_ms"), 2),
        "p99 ms": round(middle("p99_ms"), 2),
        "CPU ms a request": round(middle("cpu_ms"), 3),
        "resident MiB": round(middle("resident_mib")),
    }


if __name__ == "__main__":
    report.write("hot_path", run())
