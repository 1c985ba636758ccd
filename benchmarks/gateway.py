"""Chat through LUKHAS, everything on, beside LiteLLM's proxy and a bare async Django view, in one run.

One worker each, pinned to one core; callers and the mock upstream on the other. Rounds are interleaved, and ratios are
medians over the rounds. `python -m benchmarks.gateway` measures for some eight minutes on a machine that should do
nothing else, and writes what it found into `results`, the README and docs/performance.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import documents, endurance, everything, peer, report, servers, svg, wrk
from benchmarks.hot_path import BODY, CALLER_CORE, SERVER_CORE
from benchmarks.servers import ROOT, Running

PATH = "/v1/chat/completions"
OURS, BARE, MOCK = "LUKHAS", "bare view", "the mock itself"
RATES = {40: (OURS, BARE, peer.NAME), 1000: (OURS, BARE)}
"""Requests a second of the open loop, and who gets them: the peer is far from a thousand."""
LATER = endurance.later(60)
Rows = list[dict[str, Any]]
Measured = dict[str, Rows]


@contextmanager
def field() -> Iterator[dict[str, Running]]:
    """All that are compared, up; without the peer where it cannot be installed."""
    program = peer.installed()
    with ExitStack() as stack:
        mock = stack.enter_context(servers.mock(CALLER_CORE))
        found = {
            OURS: stack.enter_context(everything.lukhas(SERVER_CORE, mock.base)),
            BARE: stack.enter_context(servers.reference(f"{mock.base}/v1", SERVER_CORE)),
        }
        if program is not None:
            models = {everything.CHAT: f"{mock.base}/v1"}
            found[peer.NAME] = stack.enter_context(peer.litellm(program, SERVER_CORE, models))
        yield {**found, MOCK: mock}


def interleaved(variants: Mapping[str, Running], rounds: int, measure: Callable[[Running], dict[str, Any]]) -> Measured:
    """What each round of each variant found, after one round that nobody counts."""
    measured: Measured = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, server in variants.items():
            figures = measure(server)
            if turn:
                measured[name].append(figures)
    return measured


def middle(rows: Rows, key: str) -> float:
    return median(float(row[key]) for row in rows)


def ratio(rows: Rows, others: Rows, key: str = "per_second") -> float:
    """The median of each round's ratio to another's."""
    return median(float(row[key]) / float(other[key]) for row, other in zip(rows, others, strict=True))


def throughput(variants: Mapping[str, Running], rounds: int, seconds: int, callers: int = 16) -> Rows:
    """A closed loop: each caller asks again as soon as it is answered."""

    def measure(server: Running) -> dict[str, Any]:
        before = server.cpu_seconds()
        body = {**BODY, "model": everything.CHAT}
        figures = wrk.closed_loop(CALLER_CORE, server, PATH, body, callers=callers, seconds=seconds)
        cpu = (server.cpu_seconds() - before) * 1000 / figures["requests"]
        return {**figures, "cpu_ms": cpu, "resident_mib": server.resident_mib()}

    measured = interleaved(variants, rounds, measure)
    others = measured.get(peer.NAME)
    return [
        {
            "16 callers": name,
            "req/s": round(middle(rows, "per_second")),
            "of LiteLLM": round(ratio(rows, others), 2) if others else "",
            "of the bare view": round(ratio(rows, measured[BARE]), 2),
            "p50 ms": round(middle(rows, "p50_ms"), 2),
            "p95 ms": round(middle(rows, "p95_ms"), 2),
            "p99 ms": round(middle(rows, "p99_ms"), 2),
            "p99 of LiteLLM's": round(ratio(rows, others, "p99_ms"), 3) if others else "",
            "CPU ms a request": round(middle(rows, "cpu_ms"), 3),
            "MiB": round(middle(rows, "resident_mib")),
        }
        for name, rows in measured.items()
    ]


def added(variants: Mapping[str, Running], rounds: int, seconds: int) -> Rows:
    """What each adds to the mock's own time where one caller asks, one request after the other."""

    def measure(server: Running) -> dict[str, Any]:
        body = {**BODY, "model": everything.CHAT}
        return wrk.closed_loop(CALLER_CORE, server, PATH, body, callers=1, seconds=seconds)

    measured = interleaved(variants, rounds, measure)

    def over_the_mock(rows: Rows, key: str) -> float:
        return round(
            median(float(row[key]) - float(mock[key]) for row, mock in zip(rows, measured[MOCK], strict=True)), 2
        )

    return [
        {
            "1 caller": name,
            "p50 ms": round(middle(rows, "p50_ms"), 2),
            "p99 ms": round(middle(rows, "p99_ms"), 2),
            "added p50 ms": over_the_mock(rows, "p50_ms"),
            "added p99 ms": over_the_mock(rows, "p99_ms"),
        }
        for name, rows in measured.items()
    ]


def open_loop(variants: Mapping[str, Running], seconds: int) -> Rows:
    """Requests at a fixed rate, as from many callers who do not wait for each other; latency from when each was due."""
    found = []
    for rate, names in RATES.items():
        for name in (name for name in names if name in variants):
            server = variants[name]
            figures = servers.load(
                CALLER_CORE, kind="open", port=server.port, key=server.key, path=PATH, callers=256, rate=rate,
                bodies=[{**BODY, "model": everything.CHAT}], seconds=seconds,
            )  # fmt: skip
            found.append(
                {
                    "requests a second": rate,
                    "open loop": name,
                    "failed": figures["failed"],
                    "p50 ms": round(figures["p50_ms"], 2),
                    "p95 ms": round(figures["p95_ms"], 2),
                    "p99 ms": round(figures["p99_ms"], 2),
                    "the generator's own p99 ms": round(figures["late_p99_ms"], 2),
                }
            )
    return found


def run(
    rounds: int = 5, seconds: int = 4, *, wait: int = 60, requests: int = 100_000, kinds: Sequence[bool] = (True, False)
) -> dict[str, Rows]:
    """Everything, by the name of its result. `wait` seconds after the streams memory is looked at once more, and
    `requests` are asked in a row; `kinds` says whether servers have embedded models."""
    print(f"The closed loops are {wrk.generator()}'s, the open loop is benchmarks.open_loop.", flush=True)
    with field() as variants:
        found = {
            "gateway": throughput(variants, rounds, seconds),
            "gateway_added": added(variants, rounds, max(1, seconds // 2)),
            "gateway_open": open_loop(variants, seconds * 2),
        }
    found["gateway_streams"] = endurance.streams(wait=wait, kinds=kinds)
    found["gateway_memory"] = endurance.in_a_row(requests)
    return {"gateway_goals": goals(found), **found}


def goals(found: Mapping[str, Rows]) -> Rows:
    """What was aimed at, and what came out."""
    ours, one = found["gateway"][0], found["gateway_added"][0]
    bursts, memory = found["gateway_streams"], found["gateway_memory"][-1]
    name = f"{bursts[0]['streams']} streams"
    judged = [
        ("req/s, 16 callers, in multiples of the bare view's", ours["of the bare view"], ">=", 0.9),
        ("added latency with one caller, p50 ms", one["added p50 ms"], "<=", 3),
        (f"{name}: failed", sum(row["failed"] for row in bursts), "<=", 0),
        (f"{name}: first chunk, p99 ms", max(row["first chunk p99 ms"] for row in bursts), "<=", 1000),
        *(
            (f"{name}: memory afterwards, of that before; models {row['embedded models']}", row["of before"], "<=", 1.1)
            for row in bursts
            if LATER in row  # sooner there is nothing to judge: the process has not come to rest
        ),
        (f"memory after {memory['requests']:,} requests, of that after 5,000", memory["of the first"], "<=", 1.1),
    ]
    if ours["of LiteLLM"]:
        judged[:0] = [
            ("req/s, 16 callers, in multiples of LiteLLM's", ours["of LiteLLM"], ">=", 8),
            ("p99, 16 callers, of LiteLLM's", ours["p99 of LiteLLM's"], "<=", 0.2),
        ]
    return [
        {
            "goal": what,
            "bound": f"{'at least' if sense == '>=' else 'at most'} {bound}",
            "measured": value,
            "held": "yes" if (value >= bound if sense == ">=" else value <= bound) else "no",
        }
        for what, value, sense, bound in judged
    ]


def plot(found: Mapping[str, Rows]) -> str:
    rows = [row for row in found["gateway"] if row["16 callers"] != MOCK]
    charts = [
        svg.bars(title, {row["16 callers"]: row[key] for row in rows}, highlight=OURS)
        for title, key in (
            ("Requests a second, 16 callers, one core", "req/s"),
            ("p99 in ms", "p99 ms"),
            ("Milliseconds of CPU a request", "CPU ms a request"),
        )
    ]
    return svg.picture(*charts)


def write(found: Mapping[str, Rows], results: Path, images: Path) -> None:
    """All tables, and the plot."""
    for name, rows in found.items():
        report.write(name, rows, results)
    documents.draw("gateway", plot(found), images)


def short() -> None:
    """A minute and a half of it, for `make bench`. It goes to var/: what stands in the documentation took longer."""
    place = ROOT / "var" / "benchmarks" / "results"
    write(run(rounds=2, seconds=1, wait=5, requests=10_000, kinds=(False,)), place, place)


def publish(found: Mapping[str, Rows]) -> None:
    """Writes it all down where people read it."""
    write(found, report.RESULTS, documents.IMAGES)
    stamp = f"{documents.today()}, Python {documents.PYTHON}, one core each; closed loops by {wrk.generator()}."
    picture = "![Requests a second, p99 and processor time]({}images/gateway.svg)"
    compared = [row for row in found["gateway"] if row["16 callers"] != MOCK]
    parts = [picture.format("docs/"), report.table(compared), stamp]
    documents.fill(ROOT / "README.md", "gateway", "\n\n".join(parts))
    parts = [stamp, *(report.table(rows) for rows in found.values()), picture.format("")]
    documents.fill(ROOT / "docs" / "performance.md", "gateway", "\n\n".join(parts))


if __name__ == "__main__":
    publish(run())
