"""What a soak has shown: tables, a plot, and the text between the marks of docs/soak.md."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import documents, report, svg
from benchmarks.load import percentile
from benchmarks.soak_callers import KNOWN_MS

RECORDED = ("chat", "stream", "embeddings")
BATCH = 10
STEP = 10
"""Seconds that a point of the plot of latencies stands for."""
AVAILABILITY = 0.999
ADDED_MS = 100
Rows = list[dict[str, Any]]


def tables(found: Mapping[str, Any]) -> dict[str, Rows]:
    """By the names of their files."""
    calls = found["calls"]
    return {
        "soak": goals(found),
        "soak_kinds": [kind_row(kind, [call for call in calls if call["kind"] == kind]) for kind in KNOWN_MS],
        "soak_restarts": found["restarts"],
        "soak_memory": memory(found["memory"]),
    }


def goals(found: Mapping[str, Any]) -> Rows:
    calls = found["calls"]
    good = [call for call in calls if not call["failed"]]
    added = percentile([call["added_ms"] / 1000 for call in good], 0.95)
    availability = len(good) / len(calls)
    unrecorded = {call["id"] for call in good if call["kind"] in RECORDED} - set(found["records"])
    twice = len(found["records"]) - len(set(found["records"]))
    events = BATCH * sum(call["kind"] == "events" for call in good)
    lost = max(0, events - len(found["events"]))
    judged = [
        (f"availability, {len(calls):,} calls", "at least 99.9 %", f"{availability:.3%}", availability >= AVAILABILITY),
        ("the server's own time, p95", f"under {ADDED_MS} ms", f"{added:.0f} ms", added < ADDED_MS),
        (
            "answers without a usage record, and recorded twice",
            "none",
            len(unrecorded) + twice,
            not unrecorded and not twice,
        ),
        ("events that were answered and are not there", "none", lost, not lost),
    ]
    return [
        {"goal": what, "bound": bound, "measured": value, "held": "yes" if held else "no"}
        for what, bound, value, held in judged
    ]


def kind_row(kind: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    good = [call for call in calls if not call["failed"]]
    times = [call["ms"] / 1000 for call in good]
    return {
        "call": kind,
        "calls": len(calls),
        "failed": len(calls) - len(good),
        "sent again by the client": sum(max(0, call["attempts"] - 1) for call in calls),
        "the upstream's ms": KNOWN_MS[kind],
        "p50 ms": round(percentile(times, 0.5)),
        "p95 ms": round(percentile(times, 0.95)),
        "p99 ms": round(percentile(times, 0.99)),
        "the server's own p95 ms": round(percentile([call["added_ms"] / 1000 for call in good], 0.95)),
    }


def memory(rows: Rows) -> Rows:
    """Of each process, when it was first seen, at most, and last."""
    found = []
    for process in dict.fromkeys(row["process"] for row in rows):
        seen = [row["MiB"] for row in rows if row["process"] == process]
        found.append(
            {"process": process, "seconds": len(seen), "MiB first": seen[0], "at most": max(seen), "last": seen[-1]}
        )
    return found


def plot(found: Mapping[str, Any]) -> str:
    restarts = {f"restart of {row['restart of']}": row["at s"] for row in found["restarts"]}
    steps: dict[int, list[float]] = {}
    for call in found["calls"]:
        if not call["failed"]:
            steps.setdefault(max(0, int(call["at"] // STEP)), []).append(call["added_ms"] / 1000)
    own = {
        name: [((at + 0.5) * STEP, percentile(steps[at], share)) for at in sorted(steps)]
        for name, share in SHARES.items()
    }
    processes: dict[str, list[svg.Point]] = {}
    for row in found["memory"]:
        processes.setdefault(row["process"], []).append((row["second"], row["MiB"]))
    until = max(row["second"] for row in found["memory"])
    return svg.picture(
        svg.lines("The server's own time in ms, of ten seconds each", "seconds", own, restarts, until),
        svg.lines("Resident memory in MiB", "seconds", processes, restarts, until),
    )


SHARES = {"p50": 0.5, "p95": 0.95}


def text(found: Mapping[str, Any], made: Mapping[str, Rows], seconds: float) -> str:
    """In Markdown."""
    errors = Counter(call["failed"] for call in found["calls"] if call["failed"])
    parts = [
        f"{documents.today()}, Python {documents.PYTHON}, {seconds:.0f} seconds, two servers on {found['state']}.",
        *(report.table(rows) for rows in made.values()),
        *(f"Failed, {count} times: `{error}`" for error, count in errors.most_common()),
        "![The server's own time, and its memory](images/soak.svg)",
    ]
    return "\n\n".join(parts)
