"""What is asked of the roll-ups: by bucket, group and filter, one organisation at a time. Runs on SQLite and PostgreSQL
alike."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.draining import store
from analytics.histograms import bin_of
from analytics.models import UsageRecord, Width
from analytics.records import MOST, Record
from analytics.rollups.reading import Question, latencies, sums, totals
from tests.analytics.recorded import GOOD, record
from tests.analytics.rolled import random_records

pytestmark = pytest.mark.usefixtures("database")

START = datetime(2025, 11, 29, tzinfo=UTC)
DAYS = Question("org-0", Width.DAY, START, START + timedelta(days=3))


@pytest.fixture
def records() -> list[Record]:
    found = random_records(200)
    store(found)
    UsageRecord.objects.all().delete()  # no record is read
    return found


def summed(records: list[Record], key: Callable[[Record], Any], field: str) -> dict[Any, int]:
    """The sum of a field over records of our organisation, by hand."""
    total: Counter[Any] = Counter()
    for one in records:
        if one.organization_id == "org-0":
            total[key(one)] += getattr(one, field)
    return dict(total)


WIDTHS: dict[Width, Callable[[datetime], datetime]] = {
    Width.MINUTE: lambda at: at.replace(second=0, microsecond=0),
    Width.HOUR: lambda at: at.replace(minute=0, second=0, microsecond=0),
    Width.DAY: lambda at: at.replace(hour=0, minute=0, second=0, microsecond=0),
}


@pytest.mark.parametrize("width", WIDTHS)
def test_each_bucket_has_the_sums_of_its_records(records: list[Record], width: Width) -> None:
    found = sums(replace(DAYS, width=width))
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert {one.start: one.sums["input_tokens"] for one in found} == summed(
        records, lambda one: WIDTHS[width](one.moment), "input_tokens"
    )


def test_groups_are_told_apart_by_any_fields(records: list[Record]) -> None:
    found = sums(replace(DAYS, group_by=("model", "key_id")))
    assert {(one.start, one.names): one.sums["cost_micro"] for one in found} == summed(
        records, lambda one: (WIDTHS[Width.DAY](one.moment), (one.model, one.key_id)), "cost_micro"
    )


def test_filters_leave_what_has_one_of_the_values(records: list[Record]) -> None:
    every = sum(one.sums["requests"] for one in sums(DAYS))
    big, small, both = (
        sum(one.sums["requests"] for one in sums(replace(DAYS, filters={"model": models})))
        for models in (["big-1"], ["small-1"], ["big-1", "small-1"])
    )
    assert big + small == both == every
    assert min(big, small) > 0
    assert sums(replace(DAYS, filters={"model": ["big-1"], "project_id": ["proj_1"]})) == []


def test_the_end_is_not_in_it_and_the_start_is(records: list[Record]) -> None:
    second = START + timedelta(days=1)
    assert {one.start for one in sums(replace(DAYS, start=second, end=second + timedelta(days=1)))} == {second}


def test_another_organisation_is_not_in_it(records: list[Record]) -> None:
    found = sum(one.sums["requests"] for one in sums(DAYS))
    assert found == sum(one.organization_id == "org-0" for one in records)
    assert sums(replace(DAYS, organization_id="org-unknown")) == []


def test_sums_are_exact_beyond_what_a_floating_number_holds_and_do_not_overflow() -> None:
    near = 2**52 + 1
    store([record(number, key_id=f"key_{number}", organization_id="org-0", input_tokens=near) for number in range(1)])
    assert sums(DAYS)[0].sums["input_tokens"] == near
    store([record(number, key_id=f"key_{number}", organization_id="org-0", input_tokens=MOST) for number in (2, 3)])
    assert sums(DAYS)[0].sums["input_tokens"] == pytest.approx(2 * MOST + near, rel=1e-15)


@pytest.mark.parametrize("metric", ["duration", "first_token"])
def test_latencies_are_histograms_of_what_was_taken(records: list[Record], metric: str) -> None:
    def by_hand(key: Callable[[Record], Any]) -> dict[Any, Counter[int]]:
        found: dict[Any, Counter[int]] = {}
        for one in records:
            if one.organization_id == "org-0" and getattr(one, f"{metric}_us") is not None:
                found.setdefault(key(one), Counter())[bin_of(getattr(one, f"{metric}_us"))] += 1
        return found

    assert latencies(DAYS, metric) == by_hand(lambda one: ())
    by_variant = replace(DAYS, group_by=("variant",))
    assert latencies(by_variant, metric) == by_hand(lambda one: (one.variant,))
    found = latencies(by_variant, metric, by_bucket=True)
    assert {key: bins for key, bins in found.items() if bins} == by_hand(
        lambda one: (WIDTHS[Width.DAY](one.moment), one.variant)
    )


def test_totals_are_of_the_whole_time_those_with_the_most_requests_first(records: list[Record]) -> None:
    by_model = replace(DAYS, group_by=("model", "variant"))
    found = totals(by_model)
    assert {one.names: one.sums["output_tokens"] for one in found} == summed(
        records, lambda one: (one.model, one.variant), "output_tokens"
    )
    numbers = [one.sums["requests"] for one in found]
    assert numbers == sorted(numbers, reverse=True)
    assert totals(by_model, 2) == found[:2]


def test_the_total_of_everything_is_one_and_of_nothing_none(records: list[Record]) -> None:
    (found,) = totals(DAYS)
    assert (found.names, found.sums["requests"]) == ((), sum(one.organization_id == "org-0" for one in records))
    assert type(found.sums["duration_squares"]) is int
    assert totals(replace(DAYS, organization_id="org-unknown")) == []


def test_one_query_answers_each_and_it_looks_into_the_key_of_the_roll_ups(records: list[Record]) -> None:
    question = replace(DAYS, group_by=("model",), filters={"project_id": ["proj_0"]})
    for ask in (sums, totals, latencies):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            ask(question)
        (query,) = asked.captured_queries
        assert "usagerecord" not in query["sql"]
    plan = question.rows().explain()
    if connection.vendor == "sqlite":
        assert "(dimension_id=? AND width=? AND start>? AND start<?)" in plan


def test_a_record_is_found_as_soon_as_it_is_stored() -> None:
    store([GOOD._replace(organization_id="org-0")])
    assert [one.sums["requests"] for one in sums(DAYS)] == [1]
