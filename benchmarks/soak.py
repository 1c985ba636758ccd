"""Ten minutes of mixed traffic with one rolling restart in it: `make soak`, or SOAK_SECONDS=60 for a minute of it.

Two servers behind a balancer, on one database: SQLite, or PostgreSQL where LUKHAS_BENCHMARK_DATABASE_URL names an empty
one; with Redis where there is a redis-server. Half-way each of them in turn is taken out of rotation, asked to end, and
started anew. What is found is written into docs/soak.md; of less than ten minutes, into var/.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import documents, everything, report, servers, soak_report
from benchmarks.balancer import Balancer
from benchmarks.limits import redis_server
from benchmarks.soak_callers import KNOWN_MS

SECONDS = 600
CALLERS = 12
GRACE = 60
"""Seconds that a server gets to end by itself."""
MODES = (f"first={KNOWN_MS['chat']}", f"first={KNOWN_MS['stream']},gap=20,chunks=10", f"first={KNOWN_MS['embeddings']}")
BOOKS = """
import json
from analytics.models import Event, UsageRecord
ids = UsageRecord.objects.values_list("request_id", flat=True)
events = Event.objects.values_list("event_id", flat=True)
print(json.dumps({"records": list(ids), "events": list(events)}))
"""


class Member:
    """One of the servers: the process that it is now, and what it takes."""

    def __init__(self, name: str, env: dict[str, str], log: Path) -> None:
        self.name = name
        self.env = env
        self.log = log
        self.generation = 0
        self.started = False

    async def start(self) -> None:
        """Returns once it is ready."""
        self.generation += 1
        self.port = servers.free_port()
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *servers.python("manage.py", "serve", "--port", str(self.port)), cwd=servers.ROOT, env=self.env,
                stdout=output, stderr=output,
            )  # fmt: skip
        self.started = True
        deadline = time.monotonic() + GRACE
        while not await asyncio.to_thread(ready, self.port):
            if time.monotonic() > deadline or self.process.returncode is not None:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            await asyncio.sleep(0.1)

    async def stop(self) -> float:
        """Asks it to end, and returns after how many seconds it had. Raises RuntimeError where it does not end well."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), GRACE)
        except TimeoutError:
            self.process.kill()
            raise RuntimeError(f"{self.name} did not end within {GRACE} s") from None
        return time.monotonic() - begin

    def kill(self) -> None:
        """If it still runs."""
        if self.started and self.process.returncode is None:
            self.process.kill()

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Soak:
    """One run. `memory` are rows of second, process and MiB; `restarts` of what was done when."""

    def __init__(self, members: Sequence[Member], balancer: Balancer, seconds: float) -> None:
        self.members = members
        self.balancer = balancer
        self.seconds = seconds
        self.begin = time.time() + 3  # the callers have to start
        self.memory: list[dict[str, Any]] = []
        self.restarts: list[dict[str, Any]] = []

    async def run(self, key: str, port: int, book: Path) -> None:
        server = await self.balancer.listen(port)
        plan = {
            "url": f"http://127.0.0.1:{port}", "key": key, "seconds": self.seconds, "callers": CALLERS,
            "begin": self.begin, "book": str(book),
        }  # fmt: skip
        callers = await asyncio.create_subprocess_exec(
            *servers.python("-m", "benchmarks.soak_callers"), cwd=servers.ROOT, stdin=asyncio.subprocess.PIPE
        )
        watching = asyncio.create_task(self.watch())
        restarting = asyncio.create_task(self.restart())
        await callers.communicate(json.dumps(plan).encode())
        await restarting
        watching.cancel()
        await asyncio.wait({watching})
        if not watching.cancelled():
            watching.result()
        server.close()
        if callers.returncode:
            raise RuntimeError("the callers failed")

    async def watch(self) -> None:
        """Looks at the memory of each once a second, but of those that are just ending or starting."""
        while True:
            await asyncio.sleep(1)
            for member in self.members:
                second = round(time.time() - self.begin, 1)
                if second >= 0 and member.port in self.balancer.ports:
                    name = f"{member.name}{member.generation}"
                    self.memory.append({"second": second, "process": name, "MiB": round(member.resident_mib(), 1)})

    async def restart(self) -> None:
        """One after the other, half-way."""
        await asyncio.sleep(self.begin + self.seconds / 2 - time.time())
        for member in self.members:
            self.balancer.ports.remove(member.port)
            at = time.time() - self.begin
            took = await member.stop()
            await member.start()
            self.balancer.ports.append(member.port)
            back = time.time() - self.begin
            row = {"restart of": member.name, "at s": round(at, 1), "ended after s": round(took, 2)}
            self.restarts.append({**row, "in rotation again at s": round(back, 1)})


@contextmanager
def installation() -> Iterator[tuple[dict[str, str], Path, str]]:
    """An environment of servers with everything on, their place, and what they keep their state in."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mock = stack.enter_context(servers.mock(None))
        redis = stack.enter_context(redis_server(str(place)))
        database = os.environ.get("LUKHAS_BENCHMARK_DATABASE_URL", "")
        own = {
            "LUKHAS_DATA_DIR": str(place),
            "LUKHAS_PRELOAD_MODELS": "0",
            "REDIS_URL": redis,
            "DATABASE_URL": database,
        }
        servers.manage(own, "bootstrap", "--verbosity", "0")
        everything.make(own, mock.base, *MODES)
        state = f"{'PostgreSQL' if database else 'SQLite'}{' and Redis' if redis else ''}"
        yield {**os.environ, **servers.QUIET, **own}, place, state


async def run(seconds: float) -> dict[str, Any]:
    """Everything that was seen."""
    with installation() as (env, place, state):
        key = servers.manage(env, "create_api_key", "soak").strip()
        members = [Member(name, env, place / f"{name}.log") for name in ("A", "B")]
        try:
            for member in members:
                await member.start()
            balancer = Balancer([member.port for member in members])
            soak = Soak(members, balancer, seconds)
            await soak.run(key, servers.free_port(), place / "calls.jsonl")
            for member in members:
                await member.stop()
        finally:
            for member in members:
                member.kill()
        calls = [json.loads(line) for line in (place / "calls.jsonl").read_text().splitlines()]
        kept = json.loads(servers.manage(env, "shell", "--verbosity", "0", "-c", BOOKS).splitlines()[-1])
    return {"calls": calls, "memory": soak.memory, "restarts": soak.restarts, "state": state, **kept}


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS", SECONDS))
    found = asyncio.run(run(seconds))
    tables = soak_report.tables(found)
    whole = seconds >= SECONDS
    place = servers.ROOT / "var" / "benchmarks" / "results"
    for name, rows in tables.items():
        report.write(name, rows, report.RESULTS if whole else place)
    documents.draw("soak", soak_report.plot(found), documents.IMAGES if whole else place)
    if whole:
        documents.fill(servers.ROOT / "docs" / "soak.md", "soak", soak_report.text(found, tables, seconds))
    return int(any(row["held"] == "no" for row in tables["soak"]))


if __name__ == "__main__":
    sys.exit(main())
