"""What happened in a project within the last hours: events by name, what became of those that came in, and usage. It is
all from counts and roll-ups; neither events nor records are read."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Project
from analytics.counts import Counts, names, outcomes, reasons, spans, whole
from analytics.dashboard.periods import floor
from analytics.keeping import Outcome
from analytics.models.rollups import Width
from analytics.rollups.reading import Question, totals

MOST_NAMES = 100
MICRO = 1_000_000


def metrics(project: Project, hours: int, now: datetime) -> dict[str, Any]:
    """Returns the answer of `GET /api/analytics/metrics`. The hours are whole ones of UTC, the last of them that which
    is under way. Six queries at most. Raises django.db.Error."""
    end = floor(now, Width.HOUR) + timedelta(hours=1)
    start = end - timedelta(hours=hours)
    counts = Counts([project.public_id], start, end)
    became, happened = outcomes(counts), whole(counts)
    why = reasons(became)
    return {
        "object": "analytics.metrics",
        "project": project.public_id,
        "hours": hours,
        "start_time": int(start.timestamp()),
        "end_time": int(end.timestamp()),
        "events": {
            "total": happened.events,
            "names": happened.names,
            "by_name": [{"name": one.name, "count": one.count} for one in names(counts, MOST_NAMES)],
        },
        "received": {
            "accepted": became[Outcome.ACCEPTED.value],
            "duplicates": became[Outcome.DUPLICATE.value],
            "rejected": sum(number for _, number in why),
            "rejected_by_reason": [{"reason": reason, "count": number} for reason, number in why],
        },
        "usage": usage(project, start, end),
    }


def usage(project: Project, start: datetime, end: datetime) -> dict[str, Any]:
    """What the project asked of models."""
    sums: Counter[str] = Counter()
    for width, first, last in spans(start, end):
        ours = {"project_id": [project.public_id]}
        for found in totals(Question(project.organization.public_id, width, first, last, (), ours)):
            sums.update({name: int(value) for name, value in found.sums.items()})
    return {
        "requests": sums["requests"],
        "errors": {"failed": sums["failed"], "refused": sums["refused"], "hung_up": sums["cut"]},
        "input_tokens": sums["input_tokens"],
        "input_cached_tokens": sums["cached_tokens"],
        "output_tokens": sums["output_tokens"],
        "cost": {"value": sums["cost_micro"] / MICRO, "currency": "usd"},
    }
