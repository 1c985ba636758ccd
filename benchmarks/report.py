"""Benchmark results as CSV, and as a table for people."""

import csv
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def write(name: str, rows: list[dict[str, Any]], place: Path = RESULTS) -> None:
    """Writes `results/NAME.csv`, or one elsewhere, and prints the rows as a Markdown table."""
    place.mkdir(parents=True, exist_ok=True)
    stamp = {"date": datetime.now(UTC).date().isoformat(), "python": platform.python_version()}
    with (place / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *stamp], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **stamp} for row in rows)
    print(f"\n{name}\n{table(rows)}", flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *[[str(value) for value in row.values()] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
