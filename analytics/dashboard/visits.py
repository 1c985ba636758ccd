"""The chart of visits by day."""

from datetime import UTC, datetime

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDay

from analytics.dashboard import writing
from analytics.dashboard.charts import WIDE, Chart, Series
from analytics.dashboard.periods import preset
from analytics.models import Visit

EMPTY = "No visit began in the last 30 days. Visits are made of events that say a session or a user."


def visits_by_day(rows: QuerySet[Visit], now: datetime) -> Chart:
    """Returns the chart of how many of these began on each of the last thirty days. One query."""
    period = preset("30d", now)
    begun = rows.filter(started_at__gte=period.start, started_at__lt=period.end).order_by()
    day = TruncDay("started_at", tzinfo=UTC)
    counts = dict(begun.annotate(day=day).values_list("day").annotate(Count("pk")))
    values = [counts.get(each, 0) for each in period.buckets()]
    return Chart(
        "visits", "Visits by day", "bars", [Series("visits", "blue", values)], period, now, writing.count,
        writing.short_count, f"In all: {writing.count(sum(values))}.", EMPTY, whole=True, across=WIDE,
    )  # fmt: skip
