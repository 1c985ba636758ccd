"""Which time the page "Usage" is of, and how its numbers are written."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.dashboard import scales, writing
from analytics.dashboard.periods import NotAPeriod, period_of
from analytics.models.rollups import Width

MORNING = ("2026-11-29T10:00", "2026-11-29T13:00")
WEEK = ("2026-11-20T10:00", "2026-11-28T10:00")
NOW = datetime(2026, 11, 29, 14, 35, 20, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "width", "start", "end"),
    [
        ({}, Width.HOUR, "2026-11-28T15:00", "2026-11-29T15:00"),
        ({"range": "1h"}, Width.MINUTE, "2026-11-29T13:36", "2026-11-29T14:36"),
        ({"range": "7d"}, Width.HOUR, "2026-11-22T15:00", "2026-11-29T15:00"),
        ({"range": "30d"}, Width.DAY, "2026-10-31", "2026-11-30"),
        ({"from": "2026-11-01", "to": "2026-11-10"}, Width.DAY, "2026-11-01", "2026-11-11"),
        ({"from": "2026-11-29"}, Width.HOUR, "2026-11-29", "2026-11-29T15:00"),
        ({"from": "2026-11-29T10:00:30", "to": "2026-11-29T13:00"}, Width.MINUTE, *MORNING),
        ({"from": "2026-11-29T12:00+02:00", "to": "2026-11-29T13:00Z"}, Width.MINUTE, *MORNING),
        ({"range": "custom", "from": "2026-11-20T10:20", "to": "2026-11-28T09:10"}, Width.HOUR, *WEEK),
        ({"from": "2025-10-26", "to": "2026-11-29"}, Width.DAY, "2025-10-26", "2026-11-30"),
    ],
)
def test_a_time_is_of_whole_buckets(asked: dict[str, str], width: Width, start: str, end: str) -> None:
    period = period_of(asked, NOW)
    assert (period.width, period.start, period.end) == (width, at(start), at(end))
    buckets = period.buckets()
    assert len(buckets) <= 400
    assert (buckets[0], buckets[-1]) == (at(start), at(end) - timedelta(seconds=width))
    before = period.before()
    assert (before.end, len(before.buckets())) == (period.start, len(buckets))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"range": "2h"}, "no range “2h”"),
        ({"range": "custom"}, "“from” is no date"),
        ({"to": "2026-11-01"}, "“from” is no date"),
        ({"from": "yesterday"}, "“from” is no date"),
        ({"from": "2026-13-01"}, "“from” is no date"),
        ({"from": "2026-11-01", "to": "2026-11-31T10:00"}, "“to” is no date"),
        ({"from": "0001-01-01T00:00+14:00"}, "“from” is no date"),
        ({"from": "2026-11-01", "to": "9999-12-31"}, "“to” is no date"),
        ({"from": "1999-12-31"}, "“from” is too far away"),
        ({"from": "2026-11-01", "to": "2101-01-01"}, "“to” is too far away"),
        ({"from": "2026-11-10", "to": "2026-11-01"}, "before it ends"),
        ({"from": "2030-01-01"}, "before it ends"),
        ({"from": "2025-10-01", "to": "2026-11-29"}, "At most 400 days"),
    ],
)
def test_what_is_no_time_is_said(asked: dict[str, str], told: str) -> None:
    with pytest.raises(NotAPeriod, match=told):
        period_of(asked, NOW)


@pytest.mark.parametrize(
    ("highest", "whole", "marks"),
    [
        (0, False, [0, 1]),
        (3, True, [0, 1, 2, 3]),
        (1, True, [0, 1]),
        (4, True, [0, 1, 2, 3, 4]),
        (460, True, [0, 200, 400, 600]),
        (0.058, False, [0, 0.02, 0.04, 0.06]),
        (8e12, True, [0, 2e12, 4e12, 6e12, 8e12]),
    ],
)
def test_marks_of_values_are_round_and_reach_to_the_highest(highest: float, whole: bool, marks: list[float]) -> None:
    assert scales.heights(highest, whole=whole) == pytest.approx(marks)


@pytest.mark.parametrize(
    ("asked", "marks"),
    [
        ({"range": "1h"}, ["13:40", "13:50", "14:00", "14:10", "14:20", "14:30"]),
        ({"range": "24h"}, ["15:00", "18:00", "21:00", "29 Nov", "03:00", "06:00", "09:00", "12:00"]),
        ({"range": "7d"}, ["23 Nov", "24 Nov", "25 Nov", "26 Nov", "27 Nov", "28 Nov", "29 Nov"]),
        ({"range": "30d"}, ["1 Nov", "5 Nov", "9 Nov", "13 Nov", "17 Nov", "21 Nov", "25 Nov", "29 Nov"]),
        ({"from": "2025-10-26"}, ["2 Nov", "28 Dec", "22 Feb", "19 Apr", "14 Jun", "9 Aug", "4 Oct", "29 Nov"]),
        ({"from": "2026-11-29T14:31", "to": "2026-11-29T14:33"}, ["14:31", "14:32"]),
    ],
)
def test_a_few_round_moments_are_marked(asked: dict[str, str], marks: list[str]) -> None:
    period = period_of(asked, NOW)
    found = scales.marks(period.buckets(), period.width)
    assert len(found) <= 8
    assert [text for _, text in found] == marks


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (writing.count, 1234567, "1,234,567"),
        (writing.short_count, 0, "0"),
        (writing.short_count, 12.34, "12.3"),
        (writing.short_count, 999, "999"),
        (writing.short_count, 9_320, "9.32K"),
        (writing.short_count, 12_800_000, "12.8M"),
        (writing.short_count, 345_600_000_000, "346B"),
        (writing.short_count, 2 * 10**12, "2T"),
        (writing.dollars, 0, "$0.00"),
        (writing.dollars, 42, "$0.000042"),
        (writing.dollars, 347_300, "$0.3473"),
        (writing.dollars, 1_234_567_890, "$1,234.57"),
        (writing.short_dollars, 0, "$0"),
        (writing.short_dollars, 200, "$0.0002"),
        (writing.short_dollars, 1_500_000, "$1.50"),
        (writing.short_dollars, 12_300_000_000, "$12.3K"),
        (writing.marked_dollars, 0, "$0"),
        (writing.marked_dollars, 15_000, "$0.015"),
        (writing.marked_dollars, 100_000, "$0.10"),
        (writing.marked_dollars, 1_500_000, "$1.50"),
        (writing.took, 0, "0 s"),
        (writing.took, 640, "640 µs"),
        (writing.took, 67_240, "67.2 ms"),
        (writing.took, 2_500_000, "2.5 s"),
        (writing.took, 125_400_000, "125 s"),
        (writing.percent, 0, "0.0 %"),
        (writing.percent, 0.00001, "< 0.01 %"),
        (writing.percent, 0.0078, "0.78 %"),
        (writing.percent, 0.5036, "50.4 %"),
        (writing.short_percent, 0.02, "2 %"),
        (writing.signed, -0.1234, "−12.3 %"),
        (writing.signed, 12.5, "+1,250.0 %"),
    ],
)
def test_numbers_are_written_for_people(write: writing.Write, value: float, text: str) -> None:
    assert write(value) == text


@pytest.mark.parametrize(
    "write",
    [writing.short_count, writing.marked_dollars, writing.took, lambda value: writing.short_percent(value / 1e7)],
)
@pytest.mark.parametrize("most", [1, 3, 4, 9, 15, 18, 20, 64, 99])
def test_no_two_marks_of_an_axis_are_written_alike(write: writing.Write, most: int) -> None:
    for power in range(9):
        texts = [write(level) for level in scales.heights(most * 10**power, whole=True)]
        assert len(texts) == len(set(texts)), texts


def test_a_change_is_against_something() -> None:
    assert writing.change(120, 100) == "+20.0 %"
    assert writing.change(120, 0) == ""
    assert writing.or_nothing(writing.count, None) == "–"
