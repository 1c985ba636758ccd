"""Counts of events: how a stretch of time is read. What they say is seen on the page of charts and in the metrics."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

from analytics.counts import reasons, spans
from analytics.models import Width

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)


def test_a_time_is_read_by_days_and_the_hours_around_them_each_hour_once() -> None:
    for before, days, after in product((0, 1, 5, 23), (0, 1, 3), (0, 1, 23)):
        start, end = MIDNIGHT - before * HOUR, MIDNIGHT + (days * 24 + after) * HOUR
        hours: Counter[datetime] = Counter()
        for width, first, last in spans(start, end):
            assert width == Width.HOUR or (first.hour, last.hour) == (0, 0)
            hours.update(first + number * HOUR for number in range((last - first) // HOUR))
        assert hours == Counter(start + number * HOUR for number in range((end - start) // HOUR))
        assert any(width == Width.DAY for width, _, _ in spans(start, end)) is (days > 0)


def test_reasons_come_the_most_frequent_first_and_then_by_name() -> None:
    found = Counter(accepted=9, duplicate=8, invalid_id=1, unknown_event=2, hourly_limit=2)
    assert reasons(found) == [("hourly_limit", 2), ("unknown_event", 2), ("invalid_id", 1)]
