"""What limits and budgets cost a request: reserve and settle, in this process and over Redis.

One caller, with limits of key, project and organisation, of requests, tokens and requests in flight, and two budgets.
A PING is the round trip that Redis costs in any case. Run by itself:
`python -m benchmarks.limits`; without a redis-server only the first row is measured.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

import redis.asyncio

from benchmarks import report
from benchmarks.servers import free_port

GOALS = {"in process": 0.15, "Redis": 1.0}
"""Milliseconds at p50."""


def run(rounds: int = 5, calls: int = 2000) -> list[dict[str, Any]]:
    """One row a variant: the median over the rounds of each round's p50 and p99."""
    with tempfile.TemporaryDirectory() as place, redis_server(place) as url:
        os.environ |= {"LUKHAS_DATA_DIR": place, "DJANGO_SETTINGS_MODULE": "lukhas_site.settings"}
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        principal = prepare()
        return asyncio.run(measure(principal, url, rounds, calls))


@contextmanager
def redis_server(place: str) -> Iterator[str]:
    """The URL of a server that keeps nothing on disk; empty where there is none on this machine."""
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    port = free_port()
    quiet = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *quiet], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def prepare() -> Any:
    """Makes an empty database with limits, and returns who calls."""
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - see above

    from accounts.bootstrap import ensure_defaults  # noqa: PLC0415 - see above
    from accounts.models import ApiKey, Budget, RateLimit, ServiceAccount  # noqa: PLC0415 - see above

    call_command("migrate", verbosity=0)
    organization, project = ensure_defaults()
    robot = ServiceAccount.objects.create(project=project, name="robot", role="owner")
    key, _ = ApiKey.issue(name="k", organization=organization, project=project, service_account=robot)
    for scope in (organization, project, key):
        RateLimit.objects.put(scope, {"value": 10**9}, unit="requests", period="minute", model="")
        RateLimit.objects.put(scope, {"value": 10**12}, unit="tokens", period="minute", model="")
    RateLimit.objects.put(project, {"value": 10**12}, unit="tokens", period="day", model="")
    RateLimit.objects.put(key, {"value": 1000}, unit="in_flight", period="", model="")
    for period in ("day", "month"):
        Budget.objects.put(project, {"amount": 1_000_000}, period=period)
    return ApiKey.objects.with_owners().get(pk=key.pk).principal()


async def measure(principal: Any, url: str, rounds: int, calls: int) -> list[dict[str, Any]]:
    """Interleaves the variants, so that what else the machine does meets all of them."""
    from accounts.limits.gate import Gate  # noqa: PLC0415 - needs Django to be set up

    gates = {"in process": Gate(), **({"Redis": Gate(url)} if url else {})}

    def reserving(gate: Any) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            reservation = await gate.reserve(
                principal, asked="fast", answers="big", tokens=900, cost_micro=100, most_micro=500
            )
            reservation.settle(850, 90)

        return call

    variants: dict[str, Callable[[], Awaitable[Any]]] = {name: reserving(gate) for name, gate in gates.items()}
    client = redis.asyncio.Redis.from_url(url or "redis://")
    if url:
        variants["a PING"] = client.ping
    measured: dict[str, list[list[float]]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, call in variants.items():
            times = [await timed(call) for _ in range(calls)]
            if turn:  # the first is for warming up
                measured[name].append(times)
    for gate in gates.values():
        await gate.close()
    await client.aclose()
    ping = median(median(times) for times in measured["a PING"]) if url else None
    return [row(name, times, ping) for name, times in measured.items()]


async def timed(call: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds that one call takes; what it leaves to be sent is sent before the next."""
    begin = time.perf_counter()
    await call()
    taken = time.perf_counter() - begin
    await asyncio.sleep(0)
    return taken * 1000


def row(name: str, rounds: list[list[float]], ping: float | None) -> dict[str, Any]:
    p50 = median(median(times) for times in rounds)
    return {
        "limits": name,
        "p50 ms": round(p50, 4),
        "p99 ms": round(median(quantiles(times, n=100)[98] for times in rounds), 3),
        "of a PING": "" if ping is None else round(p50 / ping, 2),
        "goal p50 ms": GOALS.get(name, ""),
    }


if __name__ == "__main__":
    report.write("limits", run())
