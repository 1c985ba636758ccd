"""Starts the servers that a benchmark compares, each in a process of its own, and reads what they cost."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
QUIET = {"LUKHAS_LOG_LEVEL": "INFO", "PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """A port of the loopback address on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A server that is up: where, as which process, and with which key it is called."""

    port: int
    process: subprocess.Popen[bytes]
    key: str = "none"
    model: str = "mock-model"
    env: Mapping[str, str] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """Processor time that the process has used so far, in user and kernel mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Waits for its embedded models, where it loads them at once. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.base}/readyz", timeout=5):
                return
            time.sleep(0.2)
        raise TimeoutError(f"the server on port {self.port} is not ready")

    def resident_mib(self) -> float:
        """Resident memory of the process."""
        return self._memory("VmRSS")

    def peak_mib(self) -> float:
        """The most that its resident memory has been."""
        return self._memory("VmHWM")

    def _memory(self, kind: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{kind}:")[1].split()[0]) / 1024


@contextmanager
def process(
    command: Sequence[str], port: int, env: Mapping[str, str], core: int | None, seconds: float = 60
) -> Iterator[Running]:
    """Runs a server, pinned to `core` if one is given, until the block ends; waits until it listens, for `seconds`."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [*pinned, *command], cwd=ROOT, env={**os.environ, **QUIET, **env}, stdout=log, stderr=log
        )
        try:
            wait_for(port, child, log, seconds)
            yield Running(port, child)
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_for(port: int, child: subprocess.Popen[bytes], log: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if child.poll() is not None:
            break
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"the server on port {port} did not start:\n{log.read().decode()[-2000:]}")


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


@contextmanager
def mock(core: int | None) -> Iterator[Running]:
    """The mock upstream."""
    port = free_port()
    with process(python("-m", "benchmarks.mock", str(port)), port, {}, core) as running:
        yield running


@contextmanager
def mock_upstream(core: int | None) -> Iterator[str]:
    """The same; yields the base URL of what it answers at once."""
    with mock(core) as running:
        yield f"{running.base}/v1"


@contextmanager
def reference(mock: str, core: int | None) -> Iterator[Running]:
    """The bare async view in front of the mock, on the same server program and settings as LUKHAS."""
    port = free_port()
    command = python(
        "-m", "uvicorn", "benchmarks.reference.asgi:application", "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--lifespan", "off", "--no-access-log", "--log-level", "warning", "--no-server-header",
    )  # fmt: skip
    with process(command, port, {"MOCK_URL": f"{mock}/chat/completions"}, core) as running:
        yield running


@contextmanager
def lukhas(
    core: int | None,
    *,
    mock: str | None = None,
    model: str = "mock-model",
    prepare: Callable[[dict[str, str]], None] | None = None,
    sampled: str = "",
    **env: str,
) -> Iterator[Running]:
    """LUKHAS as `make serve` runs it, everything on, with a data directory of its own. `prepare` gets its environment
    before it starts; with `sampled` it has a sampler, see `benchmarks.sampling`, which writes to that file."""
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory())
        env = {"LUKHAS_DATA_DIR": data, "LUKHAS_PRELOAD_MODELS": "0", **env}
        manage(env, "bootstrap", "--verbosity", "0")
        key = manage(env, "create_api_key", "benchmark").strip()
        if mock is not None:
            manage(env, "add_upstream", "mock", mock)
            manage(env, "add_model", "mock-model", "--upstream", "mock", "--upstream-model", "mock-upstream-model")
        if prepare is not None:
            prepare(env)
        port = free_port()
        serve = (
            ["-m", "benchmarks.sampling", sampled, str(port)]
            if sampled
            else ["manage.py", "serve", "--port", str(port)]
        )
        command = python(*serve)
        running = stack.enter_context(process(command, port, env, core))
        yield Running(port, running.process, key, model, env)


@contextmanager
def another(first: Running) -> Iterator[Running]:
    """One more process on the data of the first."""
    port = free_port()
    with process(python("manage.py", "serve", "--port", str(port)), port, first.env, None) as running:
        yield Running(port, running.process, first.key, first.model, first.env)


def manage(env: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        python("manage.py", *arguments), cwd=ROOT, env={**os.environ, **QUIET, **env}, check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip


def load(core: int | None, **plan: Any) -> dict[str, Any]:
    """Runs a load generator with a plan, see `benchmarks.load` and `benchmarks.open_loop`."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    module = "benchmarks.open_loop" if plan["kind"] == "open" else "benchmarks.load"
    done = subprocess.run(
        [*pinned, *python("-m", module)], cwd=ROOT, env={**os.environ, **QUIET}, check=True,
        input=json.dumps({"host": "127.0.0.1", **plan}), capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
