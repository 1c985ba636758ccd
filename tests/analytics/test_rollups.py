"""Roll-ups: every record counts once in its minute, its hour and its day, however it arrives. Runs on SQLite and
PostgreSQL alike."""

import random
from statistics import fmean, pstdev

import pytest
from django.db import IntegrityError

from analytics.draining import store
from analytics.models import Dimension, UsageRecord, UsageRollup
from analytics.records import MOST
from analytics.rollups.dimensions import FIELDS, id_of, names_of
from analytics.rollups.gathering import LONGEST_US, mean_and_deviation, ticks_of
from analytics.rollups.rebuilding import Differences, days, rebuild
from tests.analytics.recorded import GOOD, record
from tests.analytics.rolled import expected, kept, random_records
from tests.analytics.test_draining import at_once

pytestmark = pytest.mark.usefixtures("database")

MINUTE_US = 60_000_000


def nothing_differs() -> bool:
    """Whether the roll-ups are what the records say, as the rebuild sees it."""
    return all(rebuild(day, repair=False) == Differences() for day in days())


def test_a_record_counts_in_its_minute_its_hour_and_its_day() -> None:
    store([GOOD])
    rows = UsageRollup.objects.order_by("width").values_list("width", "start", "requests", "input_tokens")
    assert [(width, f"{start:%F %T}", *sums) for width, start, *sums in rows] == [
        (60, "2025-11-29 05:05:00", 1, 10),
        (3600, "2025-11-29 05:00:00", 1, 10),
        (86400, "2025-11-29 00:00:00", 1, 10),
    ]
    (dimension,) = Dimension.objects.values_list("id", *FIELDS)
    assert dimension == (id_of(names_of(GOOD)), *names_of(GOOD))
    assert UsageRecord.objects.get().dimension_id == dimension[0]
    assert str(Dimension.objects.get()) == "proj_1 /v1/chat/completions big-1"
    assert str(UsageRollup.objects.get(width=60)) == f"{dimension[0]} 60 2025-11-29 05:05"


def test_every_outcome_is_counted_apart() -> None:
    statuses = [200, 400, 429, 498, 499, 500, 503, 599]
    store([record(number, status=status, stream=status == 429) for number, status in enumerate(statuses)])
    day = UsageRollup.objects.get(width=86400)
    assert (day.requests, day.failed, day.cut, day.refused, day.streamed) == (8, 3, 1, 3, 1)


def test_whatever_is_asked_by_is_kept_apart() -> None:
    others = {name: f"other {name}" for name in FIELDS}
    store([GOOD, *(record(number, **{name: other}) for number, (name, other) in enumerate(others.items(), 2))])
    assert Dimension.objects.count() == 1 + len(FIELDS)
    assert list(UsageRollup.objects.filter(width=60).values_list("requests", flat=True)) == [1] * (1 + len(FIELDS))


def test_texts_that_are_the_same_when_put_together_are_not_the_same_dimension() -> None:
    assert id_of(("ab", "c")) != id_of(("a", "bc"))


def test_records_in_many_batches_some_of_them_late_and_twice_count_once() -> None:
    records = random_records(300)
    chance = random.Random(2)
    for _ in range(20):
        store(chance.sample(records, 25))
    store(records)
    assert kept() == expected(records)
    assert nothing_differs()


def test_drainers_that_store_the_same_at_once_count_each_record_once() -> None:
    records = random_records(200)
    batches = [records[start : start + 80] for start in range(0, 160, 40)]
    at_once(lambda batch=batch[::way]: store(batch) for way, batch in zip((1, -1, 1, -1), batches, strict=True))
    store(records)
    assert kept() == expected(records)


def test_records_that_are_stored_while_the_roll_ups_are_built_anew_count_once() -> None:
    records = random_records(200)
    store(records[:100])
    batches = [records[start : start + 25] for start in range(100, 200, 25)]
    at_once(
        [
            lambda: [rebuild(day) for _ in range(3) for day in days()],
            lambda: [store(batch) for batch in batches],
        ]
    )
    assert kept() == expected(records)


def test_what_cannot_be_stored_is_not_counted_either() -> None:
    with pytest.raises(IntegrityError):
        store([GOOD, record(2, input_tokens=-1)])
    assert kept() == {}
    assert Dimension.objects.count() == 0


def test_a_sum_stops_at_the_largest_number_that_the_database_keeps() -> None:
    store([record(1, input_tokens=MOST, duration_us=MOST)])
    store([record(2, input_tokens=MOST, duration_us=MOST), record(3, input_tokens=1)])
    day = UsageRollup.objects.get(width=86400)
    assert (day.input_tokens, day.duration_squares) == (MOST, MOST)
    assert day.duration == 2 * ticks_of(LONGEST_US) + ticks_of(GOOD.duration_us)
    assert nothing_differs()


@pytest.mark.parametrize("at", [-1, -MINUTE_US * 60 * 24 * 365 * 100, 0, GOOD.at // MINUTE_US * MINUTE_US])
def test_a_bucket_holds_its_beginning_and_not_its_end_at_any_time(at: int) -> None:
    """Whatever a clock says: also one that stands before 1970."""
    records = [record(1, at=at), record(2, at=at - 1), record(3, at=at + MINUTE_US)]
    store(records)
    assert kept() == expected(records)
    assert nothing_differs()


@pytest.mark.parametrize("deviation", [50_000, 5_000_000])
def test_mean_and_deviation_come_out_of_the_sums(deviation: int) -> None:
    chance = random.Random(4)
    times = [max(0, int(chance.gauss(20_000_000, deviation))) for _ in range(200)]
    ticks = [ticks_of(time) for time in times]
    mean, spread = mean_and_deviation(len(times), sum(ticks), sum(tick * tick for tick in ticks))
    assert mean == pytest.approx(fmean(times), rel=1e-5)
    assert spread == pytest.approx(pstdev(times), rel=1e-3)


def test_what_is_all_the_same_deviates_by_nothing() -> None:
    assert mean_and_deviation(3, 30, 300) == (1000, 0)
