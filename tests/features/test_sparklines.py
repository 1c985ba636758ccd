"""How often flags answered with which variant lately: drawings, their texts and tables, and what they cost."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization
from features.models import Environment, ExposureCount, Flag
from features.models.exposures import Exposure
from features.sparklines import draw, first_day, small, weeks
from tests.features.conftest import MakeFlag
from tests.features.staff import as_role, owner, path, posted, text

__all__ = ["as_role", "owner"]
NOON = datetime(2026, 3, 7, 12, 30, tzinfo=UTC)
MONDAY, TUESDAY = (datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3))


def answered(flag: Flag, variant: str, number: int, ago: timedelta = timedelta(), **where: Any) -> None:
    """The flag answered so, that long before noon of 7 March, or now where a page is asked for."""
    hour = (where.pop("now", NOON) - ago).replace(minute=0, second=0, microsecond=0)
    environment = where.pop("environment", "production")
    exposure = Exposure(flag.organization.public_id, environment, flag.key, variant, "SPLIT", hour)
    ExposureCount.add({exposure: number})


# --- Drawing ---------------------------------------------------------------------------------------------------


def test_the_variants_of_a_day_stand_on_each_other_and_the_highest_day_fills_the_drawing() -> None:
    numbers = {"on": {MONDAY: 30, TUESDAY: 10}, "off": {MONDAY: 10}}
    drawing = draw(numbers, ["on", "off"], [MONDAY, TUESDAY], step=10, height=24)
    assert (drawing.width, drawing.height) == (20, 24)
    assert [(bar.x, bar.y, bar.height, bar.colour) for bar in drawing.bars] == [
        (0, 6.0, 18.0, 0),
        (0, 0.0, 6.0, 1),
        (10, 18.0, 6.0, 0),
    ]


def test_few_among_many_are_seen_too() -> None:
    drawing = draw({"on": {MONDAY: 1_000_000, TUESDAY: 1}}, ["on"], [MONDAY, TUESDAY], step=10, height=24)
    assert [bar.height for bar in drawing.bars] == [24.0, 0.5]


def test_a_variant_has_its_colour_whether_others_are_there_or_not_and_those_that_are_gone_follow() -> None:
    numbers = {"gone": {MONDAY: 1}, "off": {MONDAY: 2}, "": {MONDAY: 3}}
    drawing = draw(numbers, ["on", "off"], [MONDAY], step=4, height=64)
    assert [(share.name, share.number, share.colour) for share in drawing.shares] == [
        ("off", 2, 1),
        ("gone", 1, 2),
        ("no value", 3, 3),
    ]
    many = draw({f"v{number}": {MONDAY: 1} for number in range(8)}, [], [MONDAY], step=4, height=64)
    assert [share.colour for share in many.shares] == [0, 1, 2, 3, 4, 5, 0, 1]


def test_a_drawing_tells_what_it_shows() -> None:
    numbers = {"on": {MONDAY: 1200, TUESDAY: 34}, "off": {MONDAY: 5}}
    drawing = draw(numbers, ["on", "off"], [MONDAY, TUESDAY], step=10, height=24)
    assert drawing.told == "Answers of the last 7 days: on 1,234, off 5."
    nothing = draw({}, ["on"], [MONDAY], step=10, height=24)
    assert (nothing.bars, nothing.told) == ((), "Nobody asked in the last 7 days.")


# --- What was counted ------------------------------------------------------------------------------------------


def test_seven_days_are_shown_the_present_one_included(make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    first = first_day(NOON)
    assert first == datetime(2026, 3, 1, tzinfo=UTC)
    answered(flag, "on", 5)
    answered(flag, "on", 7, NOON - first)
    answered(flag, "on", 1000, NOON - first + timedelta(hours=1))
    drawing = small([flag], NOON)[flag.pk]
    assert [share.number for share in drawing.shares] == [12]
    assert [bar.x for bar in drawing.bars] == [0, 60]


def test_a_page_of_flags_costs_one_query_and_each_has_its_own(make_flag: MakeFlag, stranger: Organization) -> None:
    flags = [make_flag(f"flag-{number}") for number in range(9)]
    foreign = make_flag("flag-0", environment=Environment.objects.production(stranger))
    answered(foreign, "on", 3)
    for number, flag in enumerate(flags):
        if number:
            answered(flag, "on", number)
        answered(flag, "off", 1, environment="staging")
    rows = list(Flag.objects.select_related("organization").order_by("pk"))
    with CaptureQueriesContext(connection) as asked:
        drawings = small(rows, NOON)
    assert len(asked) == 1
    assert {share.name: share.number for share in drawings[flags[0].pk].shares} == {"off": 1}
    assert {share.name: share.number for share in drawings[flags[8].pk].shares} == {"on": 8, "off": 1}
    assert {share.name: share.number for share in drawings[foreign.pk].shares} == {"on": 3}


def test_a_flag_has_a_drawing_by_the_hour_and_a_table_by_the_day_for_each_environment(make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    answered(flag, "on", 2, timedelta(hours=1))
    answered(flag, "on", 3)
    answered(flag, "", 1, timedelta(days=1))
    answered(flag, "off", 4, environment="staging")
    with CaptureQueriesContext(connection) as asked:
        production, staging = weeks(flag, NOON)
    assert len(asked) == 1
    assert (production.environment, staging.environment) == ("production", "staging")
    assert [bar.x for bar in production.drawing.bars] == [(5 * 24 + 12) * 4, (6 * 24 + 11) * 4, (6 * 24 + 12) * 4]
    assert [numbers for _, numbers in production.rows] == [(0, 0)] * 5 + [(0, 1), (5, 0)]
    assert [day.day for day, _ in production.rows] == [1, 2, 3, 4, 5, 6, 7]


# --- The pages -------------------------------------------------------------------------------------------------


def test_the_list_draws_what_each_flag_answered(owner: Client, make_flag: MakeFlag) -> None:
    answered(make_flag("dark-mode"), "on", 1500, now=timezone.now())
    make_flag("new-ui")
    page = text(owner.get(path("flag")))
    (drawn,) = re.findall(r"<svg class=\"lukhas-sparkline\".*?</svg>", page)
    assert 'role="img" aria-label="Answers of the last 7 days: on 1,500."' in drawn
    assert drawn.count("<rect") == 1
    assert '<span title="Nobody asked in the last 7 days.">none</span>' in page


def test_the_list_asks_the_counts_once_for_the_drawings_however_many_flags_there_are(
    owner: Client, make_flag: MakeFlag
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            assert owner.get(path("flag")).status_code == 200
        return [each["sql"] for each in asked if 'SUM("features_exposurecount"' in each["sql"]]

    make_flag("first")
    assert len(queries()) == 1
    for number in range(12):
        answered(make_flag(f"flag-{number}"), "on", 1, now=timezone.now())
    assert len(queries()) == 1


def test_the_page_of_a_flag_has_the_drawing_and_the_table_behind_it(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    answered(flag, "on", 1500, now=timezone.now())
    page = text(owner.get(path("flag", flag.pk, "change")))
    parts = (
        'id="exposures"',
        "<svg class=",
        "on 1,500</li>",
        "<summary",
        "<caption",
        '<th scope="col">on',
        "<td>1500</td>",
    )
    places = [page.index(part, page.index('id="exposures"')) for part in parts]
    assert all(one <= other for one, other in pairwise(places))


def test_the_page_of_a_flag_that_nobody_asked_for_says_so(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    page = text(owner.get(path("flag", flag.pk, "change")))
    assert "Nobody asked." in page[page.index('id="exposures"') :]
    assert 'id="exposures"' not in text(owner.get(path("flag", "add")))


@pytest.mark.parametrize("variants", ["[[1]]", "7", "{"])
def test_what_was_typed_does_not_disturb_the_drawing(owner: Client, make_flag: MakeFlag, variants: str) -> None:
    flag = make_flag("dark-mode")
    answered(flag, "on", 2, now=timezone.now())
    answer = owner.post(path("flag", flag.pk, "change"), posted(flag, variants=variants))
    assert answer.status_code == 200
    assert "on 2</li>" in text(answer)
