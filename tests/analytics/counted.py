"""Counts of events for tests, written as the server writes them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from analytics.keeping import COUNTING, TELLING, add
from analytics.records import EPOCH


def counted(
    project_id: str,
    hour: datetime,
    names: Mapping[str, int] | None = None,
    outcomes: Mapping[str, int] | None = None,
) -> None:
    """So many events of these names happened in an hour, and that became of so many that came in."""
    at = (hour - EPOCH) // timedelta(microseconds=1)
    for statement, counts in ((COUNTING, names), (TELLING, outcomes)):
        add(statement, {(project_id, at, word): count for word, count in (counts or {}).items()})
