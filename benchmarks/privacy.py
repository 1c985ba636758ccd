"""What redaction costs: a batch of a hundred events, and the worst that one text can be made to cost.

The best of many rounds, on one core. Run by itself: `python -m benchmarks.privacy`.
"""

import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

from analytics.privacy import MOST_TEXT, Redactor, redacted_text
from benchmarks import report

GOAL_MS = 1.0
EVENT = {
    "path": "/docs/quickstart",
    "title": "Quickstart guide",
    "referrer": "https://example.com/docs",
    "variant": "dark theme",
    "step": 3,
    "at": "2026-11-29T10:00:00Z",
}
PLANTED = {**EVENT, "title": "Write to ann@example.com", "note": "call 415-555-0123 from 10.0.0.1"}
HOSTILE = {
    "digits": "4",
    "digits apart": "1 ",
    "groups of four": "4111 ",
    "zeros": "0 ",
    "e-mail addresses": "a@b.co ",
    "signs": "@",
    "colons": "1:",
    "points": "1.",
    "phone numbers": "+1 415-555-0123 ",
    "beyond ASCII": "４é",
}


def best(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds."""
    return min(timeit.repeat(work, number=1, repeat=rounds)) * 1000


def batch(event: dict[str, Any], rounds: int) -> float:
    redactor = Redactor(["email", "phone", "name", "password", "ip"])
    events = [dict(event) for _ in range(100)]
    return best(lambda: [redactor.redacted(each) for each in events], rounds)


def run(rounds: int = 200) -> list[dict[str, Any]]:
    """One row a kind of text."""
    batches = {"100 events, six properties": EVENT, "100 events, each with three finds": PLANTED}
    rows: list[dict[str, Any]] = [
        {"redaction": name, "ms": round(batch(event, rounds), 3), "goal ms": GOAL_MS if event is EVENT else ""}
        for name, event in batches.items()
    ]
    for name, piece in HOSTILE.items():
        text = (piece * MOST_TEXT)[:MOST_TEXT]
        cost = best(partial(redacted_text, text), rounds // 10)
        rows.append({"redaction": f"8,192 characters: {name}", "ms": round(cost, 2), "goal ms": ""})
    return rows


if __name__ == "__main__":
    report.write("privacy", run())
