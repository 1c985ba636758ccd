"""`make run` on a fresh copy, and once more: after how long it serves and is ready, and what memory it takes.

The first start installs everything, so it depends on the network and on what pip has kept. Run by itself:
`python -m benchmarks.startup`.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.servers import ROOT, free_port

LIMIT_SECONDS = 600
TEXTS = ["a sentence of about a dozen words to be embedded " * 40] * 256
OURS = ("LUKHAS_", "OTEL_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL")


def run() -> list[dict[str, Any]]:
    """A row for each of two starts. Memory is resident, in MB, of the process that serves: once both models are
    loaded, and at most while both were used."""
    with tempfile.TemporaryDirectory() as place:
        copy(Path(place))
        rows = []
        key = ""
        for start in ("first", "second"):
            with started(Path(place)) as (url, output, process, elapsed):
                wait(lambda url=url: ask(f"{url}/healthz"), process)
                serves = elapsed()
                wait(lambda url=url: ask(f"{url}/readyz"), process)
                ready = elapsed()
                server = serving(process.pid)
                loaded = memory(server, "VmRSS")
                key = key or re.findall(r"sk-lukhas-\S+", output())[0]
                use(url, key)
                used = memory(server, "VmHWM")
            rows.append(
                {
                    "start": start,
                    "serves after s": round(serves, 1),
                    "ready after s": round(ready, 1),
                    "MB with both models": round(loaded),
                    "MB at most in use": round(used),
                }
            )
    return rows


def copy(place: Path) -> None:
    """The files of the working tree that belong to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((ROOT / name).read_bytes())


@contextmanager
def started(place: Path) -> Iterator[tuple[str, Callable[[], str], "subprocess.Popen[bytes]", Callable[[], float]]]:
    """`make run` until the end of the block: its address, what it has printed, the process, and its age."""
    port = free_port()
    printed = place / "printed.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    begin = time.monotonic()
    with printed.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=place,
            env=environment,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}", printed.read_text, process, lambda: time.monotonic() - begin
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def wait(done: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the server did not start")
        time.sleep(0.05)


def ask(url: str, key: str = "", body: Any = None) -> bool:
    """Whether a request is answered with success; with a body it is a POST."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} if key else {}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            answer.read()
            return True
    except (OSError, urllib.error.URLError):
        return False


def use(url: str, key: str) -> None:
    """Asks both models for much at once: 256 long texts, and four choices of 200 tokens."""
    said = [{"role": "user", "content": "Tell me a story. " * 60}]
    chat = {"model": "lukhas-chat-1", "messages": said, "n": 4, "max_tokens": 200}
    embeddings = {"model": "lukhas-embed-1", "input": TEXTS}
    for path, body in (("embeddings", embeddings), ("chat/completions", chat)):
        if not ask(f"{url}/v1/{path}", key, body):
            raise RuntimeError(f"{path} was not answered")


def serving(pid: int) -> int:
    """The process that serves: the child of make, whose shell has become it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1])


def memory(pid: int, kind: str) -> float:
    """VmRSS or VmHWM of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) / 1000


if __name__ == "__main__":
    report.write("startup", run())
