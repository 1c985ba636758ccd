"""A closed loop by wrk where that is installed, and else by `benchmarks.load`: wrk takes less of the callers' core."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import servers

# What wrk prints at its end, as one line of JSON. Times are in microseconds there.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
wrk.body = [==[%s]==]
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"requests": %%d, "failed": %%d, "seconds": %%f, ',
    summary.requests, failed, summary.duration / 1e6))
  io.write(string.format('"p50_ms": %%f, "p95_ms": %%f, "p99_ms": %%f}\\n',
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


def generator() -> str:
    """Which one the closed loops are of."""
    if shutil.which("wrk") is None:
        return "benchmarks.load"
    said = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout
    return " ".join(said.split()[:2])


def closed_loop(
    core: int | None, server: servers.Running, path: str, body: dict[str, Any], *, callers: int, seconds: int
) -> dict[str, Any]:
    """The figures of `benchmarks.load`'s closed loop. Raises RuntimeError where a request failed."""
    if shutil.which("wrk") is None:
        figures = servers.load(
            core, kind="closed", port=server.port, key=server.key, path=path, bodies=[body], callers=callers,
            seconds=seconds,
        )  # fmt: skip
    else:
        script = SCRIPT % (server.key, json.dumps(body))
        figures = by_wrk(core, server.base + path, script, callers=callers, seconds=seconds)
    if figures["failed"] or not figures["requests"]:
        raise RuntimeError(f"{figures['failed']} of {figures['requests']} requests to {path} failed")
    return figures


def by_wrk(core: int | None, url: str, script: str, *, callers: int, seconds: int) -> dict[str, Any]:
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "request.lua"
        file.write_text(script)
        size = ["-t", "1", "-c", str(callers), "-d", f"{seconds}s", "--timeout", "30s"]
        done = subprocess.run([*pinned, "wrk", *size, "-s", str(file), url], check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "per_second": figures["requests"] / figures["seconds"]}
