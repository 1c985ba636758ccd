"""What a feature flag costs: one evaluation beside four peers, and compiling ten thousand flags.

Everybody is asked the same: is the caller in one of two countries, and in a quarter of users? Peers are installed into
a virtual environment under var/, once; where that cannot be done, only ours is measured. Run by itself:
`python -m benchmarks.flags`.
"""

import json
import subprocess
import sys
import time
import tracemalloc
import venv
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.servers import ROOT

PLACE = ROOT / "var" / "benchmarks" / "flags"
PEERS: Mapping[str, str] = {
    "growthbook": "growthbook==4.0.0",
    "flagd": "openfeature-flagd-core==2.0.0",
    "openfeature": "openfeature-sdk==0.10.0",
    "waffle": "django-waffle==5.0.0",
}
GOAL_MICROSECONDS = 5
FLAGS = 10_000


def run(rounds: int = 5) -> list[dict[str, Any]]:
    """One row a system: the median over interleaved rounds of microseconds an evaluation, and of the ratio to ours."""
    interpreters = {"LUKHAS": sys.executable, "LUKHAS, by the SDK": sys.executable}
    if installed := peers():
        interpreters |= dict.fromkeys(PEERS, str(installed))
    measured: dict[str, list[float]] = {name: [] for name in interpreters}
    for _ in range(rounds):
        for name, interpreter in interpreters.items():
            measured[name].append(microseconds(interpreter, name))
    return [row(name, times, measured["LUKHAS"]) for name, times in measured.items()]


def peers() -> Path | None:
    """The interpreter that has the peers; None where they cannot be installed."""
    python = PLACE / "bin" / "python"
    if not python.exists():
        venv.create(PLACE, with_pip=True)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS.values()]
    if subprocess.run(install, check=False).returncode:
        print("The peers cannot be installed here; only LUKHAS is measured.")
        return None
    return python


def microseconds(interpreter: str, name: str) -> float:
    """One round, in a process of its own."""
    command = [interpreter, "-m", "benchmarks.flags_peers", name]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def row(name: str, times: list[float], ours: list[float]) -> dict[str, Any]:
    ratios = [time / own for time, own in zip(times, ours, strict=True)]
    return {
        "system": name,
        "µs an evaluation": round(median(times), 2),
        "times ours": round(median(ratios), 1),
        "goal µs": GOAL_MICROSECONDS if name == "LUKHAS" else "",
    }


def compiling(rounds: int = 5) -> list[dict[str, Any]]:
    """Ten thousand flags, each with a rule and a split: seconds to compile, and megabytes that they and what they were
    compiled to hold."""
    from features.compiling import compile_ruleset  # noqa: PLC0415 - not where only peers are measured

    data = [flag_data(f"flag-{number}") for number in range(FLAGS)]
    flags = read(data)
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        compile_ruleset(flags, [], "production")
        times.append(time.perf_counter() - begin)
    tracemalloc.start()
    held = compile_ruleset(read(data), [], "production")
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    found = {"flags": len(held.flags), "compiled in s": round(median(times), 3), "MB held": round(megabytes, 1)}
    return [{**found, "goal s": 1, "goal MB": 100}]


def read(data: list[dict[str, Any]]) -> list[Any]:
    from features.definitions import FlagDefinition  # noqa: PLC0415 - see above

    return [FlagDefinition.from_data(item) for item in data]


def flag_data(key: str) -> dict[str, Any]:
    """A flag with a rule and a split."""
    weights = [{"variant": "on", "weight": 25_000}, {"variant": "off", "weight": 75_000}]
    countries = {"attribute": "country", "operator": "in", "values": ["DE", "FR"]}
    state = {
        "enabled": True,
        "off_variant": "off",
        "default_variant": "off",
        "rules": [{"conditions": [countries], "split": {"weights": weights}}],
    }
    variants = {"on": True, "off": False}
    return {"key": key, "kind": "boolean", "variants": variants, "environments": {"production": state}}


if __name__ == "__main__":
    report.write("flags", run())
    report.write("flags_ruleset", compiling())
