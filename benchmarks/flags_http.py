"""Flags over HTTP: all of 50 flags at once, and their 304, against a bare async Django view that only forwards; and how
long the kill switch takes to be seen by four processes.

One worker each, pinned to one core, callers on the other. Rounds are interleaved, and what counts is the median over
the rounds of each round's ratio to the reference. Run by itself: `python -m benchmarks.flags_http`.
"""

import http.client
import json
import sqlite3
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report, servers
from benchmarks.flags import flag_data
from benchmarks.hot_path import BODY, CALLER_CORE, SERVER_CORE

PATH = "/ofrep/v1/evaluate/flags"
CONTEXT = {"context": {"targetingKey": "user-7", "country": "DE", "plan": "pro"}}
FLAGS = 50
GOALS = {"bulk of 50": 1.0, "its 304": 1.5}
"""Of the reference's requests a second."""
PROCESSES = 4
GOAL_SECONDS = 2.0


def run(rounds: int = 5, seconds: float = 4.0, callers: int = 16) -> list[dict[str, Any]]:
    """One row a variant: medians over the rounds."""
    with ExitStack() as stack:
        mock = stack.enter_context(servers.mock_upstream(CALLER_CORE))
        reference = stack.enter_context(servers.reference(mock, SERVER_CORE))
        ours = stack.enter_context(servers.lukhas(SERVER_CORE, prepare=make_flags))
        tag = ask(ours)[1]
        bulk = {"path": PATH, "bodies": [CONTEXT], "port": ours.port, "key": ours.key}
        variants: dict[str, dict[str, Any]] = {
            "reference": {
                "path": "/v1/chat/completions", "bodies": [BODY], "port": reference.port, "key": reference.key
            },
            "bulk of 50": bulk,
            "its 304": {**bulk, "headers": {"If-None-Match": tag}, "status": 304},
            "one flag": {**bulk, "path": f"{PATH}/flag-7"},
        }  # fmt: skip
        measured: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
        for turn in range(rounds + 1):
            for name, plan in variants.items():
                figures = servers.load(
                    CALLER_CORE, kind="closed", callers=callers, seconds=seconds if turn else 1, **plan
                )
                if figures["failed"]:
                    raise RuntimeError(f"{name}: {figures['failed']} of {figures['requests']} requests failed")
                if turn:  # the first is for warming up
                    measured[name].append(figures)
    return [row(name, figures, measured["reference"]) for name, figures in measured.items()]


def make_flags(env: dict[str, str]) -> None:
    """Fifty flags with a rule and a split, as a file of flagd's, imported."""
    from features.definitions import FlagDefinition  # noqa: PLC0415 - not needed where others import this module
    from features.flagd_writing import write  # noqa: PLC0415 - likewise

    flags = [FlagDefinition.from_data(flag_data(f"flag-{number}")) for number in range(FLAGS)]
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "flags.json"
        file.write_text(write(flags, [], "production", approximate=True).text)
        servers.manage(env, "flag", "import", str(file))


def ask(server: servers.Running, path: str = PATH) -> tuple[Any, str]:
    """The answer to one request, and its tag."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(CONTEXT), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return body, answer.headers.get("ETag", "")


def row(name: str, figures: list[dict[str, Any]], reference: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [one["per_second"] / other["per_second"] for one, other in zip(figures, reference, strict=True)]
    return {
        "flags over HTTP": name,
        "req/s": round(median(one["per_second"] for one in figures)),
        "of the reference": round(median(ratios), 2),
        "p50 ms": round(median(one["p50_ms"] for one in figures), 2),
        "p99 ms": round(median(one["p99_ms"] for one in figures), 2),
        "goal": GOALS.get(name, ""),
    }


def kill_switch(rounds: int = 5) -> list[dict[str, Any]]:
    """Seconds from when a command writes a switch until four processes have all seen it."""
    with ExitStack() as stack:
        first = stack.enter_context(servers.lukhas(None, prepare=make_flags))
        others = [stack.enter_context(servers.another(first)) for _ in range(PROCESSES - 1)]
        times = []
        for turn in range(rounds):
            action = "on" if turn % 2 else "off"
            command = threading.Thread(target=servers.manage, args=(first.env, "flag", action, "flag-7"))
            command.start()
            while not all(
                (ask(server, f"{PATH}/flag-7")[0]["reason"] == "DISABLED") == (action == "off")
                for server in (first, *others)
            ):
                time.sleep(0.01)
            seen = datetime.now(UTC)
            command.join()
            times.append((seen - written(first)).total_seconds())
    found = {"processes": PROCESSES, "median s": round(median(times), 2), "slowest s": round(max(times), 2)}
    return [{**found, "goal s": GOAL_SECONDS}]


def written(server: servers.Running) -> datetime:
    """When the flag was last changed, as the database has it."""
    with closing(sqlite3.connect(Path(server.env["LUKHAS_DATA_DIR"]) / "lukhas.sqlite3")) as database:
        found = database.execute("SELECT max(changed_at) FROM features_flagstate").fetchone()[0]
    return datetime.fromisoformat(found).replace(tzinfo=UTC)


if __name__ == "__main__":
    report.write("flags_http", run())
    report.write("flags_kill_switch", kill_switch())
