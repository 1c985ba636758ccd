"""Where the processor time of a request goes, by stage: `python -m benchmarks.stages` writes it into
docs/performance.md. One worker on one core, everything on, 16 callers; or, for streams, a chunk's share of it."""

import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import documents, everything, report, servers
from benchmarks.endurance import CHUNKS
from benchmarks.hot_path import BODY, CALLER_CORE, SERVER_CORE
from benchmarks.sampling import OTHER, STAGES

PATH = "/v1/chat/completions"
STREAMS = 200
Rows = list[dict[str, Any]]


def run(requests: int = 20_000, bursts: int = 3) -> Rows:
    """A row a stage: microseconds of processor time a request, and a chunk of a stream."""
    whole = {
        "kind": "closed", "path": PATH, "callers": 16, "seconds": 600, "requests": requests,
        "bodies": [{**BODY, "model": everything.CHAT}],
    }  # fmt: skip
    burst = {
        "kind": "streams", "path": PATH, "callers": STREAMS,
        "bodies": [{**BODY, "model": everything.STREAM, "stream": True}],
    }  # fmt: skip
    request, of_requests = sampled([whole], requests)
    chunk, of_chunks = sampled([burst] * bursts, bursts * STREAMS * CHUNKS)
    for found in (of_requests, of_chunks):
        print(*(f"{count:6} {name}" for name, count in found.items()), sep="\n", file=sys.stderr)
    names = [*(name for name, _ in STAGES), OTHER]
    rows = [
        {
            "stage": name,
            "µs a request": round(request.get(name, 0), 1),
            "µs a chunk": round(chunk.get(name, 0), 1),
        }
        for name in names
    ]
    total = {"stage": "all", "µs a request": round(sum(request.values())), "µs a chunk": round(sum(chunk.values()), 1)}
    return [*rows, total]


def sampled(plans: list[dict[str, Any]], count: int) -> tuple[dict[str, float], dict[str, int]]:
    """Microseconds of each stage for each of `count`, and how often each function was seen. The time is the process's
    own, which the kernel counts; the samples only share it out."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "sampled.json"
        with servers.mock(CALLER_CORE) as mock, everything.lukhas(SERVER_CORE, mock.base, sampled=str(file)) as server:
            for plan in plans:  # the first time is for warming up
                servers.load(CALLER_CORE, **plan, port=server.port, key=server.key)
            server.process.send_signal(signal.SIGUSR1)
            before = server.cpu_seconds()
            for plan in plans:
                figures = servers.load(CALLER_CORE, **plan, port=server.port, key=server.key)
                if figures["failed"]:
                    raise RuntimeError(f"{figures['failed']} failed")
            spent = server.cpu_seconds() - before
            server.process.send_signal(signal.SIGUSR2)
            while not file.exists():
                time.sleep(0.05)
        found = json.loads(file.read_text())
    samples = sum(found["stages"].values())
    return {name: spent * 1e6 / count * seen / samples for name, seen in found["stages"].items()}, found["functions"]


if __name__ == "__main__":
    rows = run()
    report.write("stages", rows)
    documents.fill(servers.ROOT / "docs" / "performance.md", "stages", f"{report.table(rows)}\n\n{documents.today()}.")
