"""Events of visitors for tests, and the visits that they make."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.entries import HOUR, Entry
from analytics.keeping import keep
from analytics.models import Visit, VisitTrail
from analytics.visits.deriving import derive
from tests.analytics.judged import entry

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def seen(number: int, minute: float, path: str = "/docs", **fields: Any) -> Entry:
    """A page that was seen in session `s` so many minutes after noon."""
    at = int((NOON + timedelta(minutes=minute)).timestamp() * 1_000_000)
    properties = f'{{"path": "{path}"}}'
    return entry(number, **{"at": at, "hour": at // HOUR * HOUR, "properties": properties, **fields})


def take(*entries: Entry) -> None:
    """Keeps events, and derives from them."""
    keep(entries)
    catch_up()


def catch_up() -> None:
    while derive():
        pass


def after_noon(moment: datetime) -> float:
    """In minutes."""
    return (moment - NOON) / timedelta(minutes=1)


def visits(**whose: str) -> list[tuple[float, float, int]]:
    """When visits began and ended, in minutes after noon, and how many events they are, in order."""
    rows = Visit.objects.filter(**{f"trail__{name}": value for name, value in whose.items()})
    return sorted((after_noon(row.started_at), after_noon(row.ended_at), row.events) for row in rows)


def everything() -> list[tuple[Any, ...]]:
    """All that is kept of visits, and whose they are, but for their keys."""
    rows = VisitTrail.objects.select_related("visit")
    return sorted(((row.project_id, row.kind, row.identity, row.visit.project_id, *row.visit.stay) for row in rows),
                  key=lambda row: row[:5])  # fmt: skip
