"""Commands and servers as processes of their own, as a user starts them."""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.measuring import unmeasured_environment

ROOT = Path(__file__).resolve().parent.parent
MANAGE = (sys.executable, "manage.py")
KEY = re.compile(r"sk-lukhas-\S+")
START_SECONDS = 60
DATABASE = "lukhas.sqlite3"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def eventually(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `true()` returns once that is truthy, asked every 50 ms. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return result


class Served:
    """`manage.py serve` as a process: where it answers, what it logged, and its end."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **options)

    def readiness(self) -> dict[str, Any]:
        """The body of /readyz."""
        body: dict[str, Any] = self.get("/readyz").json()
        return body

    def stop(self, by: int = signal.SIGINT) -> int:
        """Ends the server by a signal, and returns its exit status once it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(60)


def migrate(data: Path, url: str = "") -> None:
    """Makes the tables of the database at `url`, or else of the one in a data directory."""
    subprocess.run(
        [*MANAGE, "migrate", "--skip-checks", "-v", "0"],
        cwd=ROOT,
        env={**unmeasured_environment(), "LUKHAS_DATA_DIR": str(data), "DATABASE_URL": url},
        timeout=120,
        check=True,
    )


@cache
def tables() -> Path:
    """A database of SQLite that has every table, and no row but those of migrations. Making it takes seconds."""
    place = Path(tempfile.mkdtemp(prefix="lukhas-tables-"))
    atexit.register(shutil.rmtree, place)
    migrate(place)
    return place / DATABASE


class Installation:
    """A data directory and an environment: what a user has after cloning. Its commands and servers are real.

    `variables` are set for all of them; what the tests' own environment sets for the settings is left out, but for
    that which makes a start quick: no models loaded, static files neither hashed nor compressed.
    """

    def __init__(self, data: Path, **variables: str) -> None:
        self.data = data
        self.environment = {
            **os.environ,
            "LUKHAS_DATA_DIR": str(data),
            "SECRET_KEY": "",
            "PYTHONWARNINGS": "error",
            **variables,
        }

    def manage(self, *arguments: str, status: int = 0, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end; fails unless it ends with `status`."""
        done = subprocess.run(
            [*MANAGE, *arguments],
            cwd=ROOT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def bootstrap(self) -> str:
        """Runs `manage.py bootstrap` for the first time, and returns the key that it prints.

        What it makes the rest on, the tables, is copied where the database would be a new one of SQLite.
        """
        if not self.environment["DATABASE_URL"] and not (self.data / DATABASE).exists():
            self.data.mkdir(parents=True, exist_ok=True)
            shutil.copy(tables(), self.data)
        printed = KEY.findall(self.manage("bootstrap").stdout)
        assert len(printed) == 1
        return str(printed[0])

    @contextmanager
    def serve(self, *arguments: str, **variables: str) -> Iterator[Served]:
        """`manage.py serve` on a free port, from when it answers to the end of the block."""
        port = free_port()
        self.data.mkdir(parents=True, exist_ok=True)
        log = self.data / f"serve-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*MANAGE, "serve", "--port", str(port), *arguments],
                cwd=ROOT,
                env={**self.environment, **variables},
                stdout=output,
                stderr=output,
            )
        served = Served(process, f"http://127.0.0.1:{port}", log)
        try:
            eventually(lambda: answers(served), START_SECONDS, "the server answers")
            yield served
        finally:
            if served.process.poll() is None:
                served.stop()


def answers(served: Served) -> bool:
    """Whether the server answers; fails where its process has ended."""
    assert served.process.poll() is None, served.log.read_text()
    try:
        return served.get("/healthz").is_success
    except httpx.TransportError:
        return False
