"""manage.py rebuild_rollups. Runs on SQLite and PostgreSQL alike."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from analytics.draining import store
from analytics.models import Dimension, RecordsKept, UsageRecord, UsageRollup
from analytics.records import Record
from analytics.rollups.rebuilding import Differences, rebuild
from tests.analytics.recorded import GOOD, record
from tests.analytics.rolled import HOUR_US, expected, kept, random_records

pytestmark = pytest.mark.usefixtures("database")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("rebuild_rollups", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def records() -> list[Record]:
    """Records of three days, stored and summed up."""
    found = random_records(60)
    store(found)
    return found


Counts = tuple[int, int, int]
"""How many roll-ups are missing, wrong and surplus."""


def drop_some() -> Counts:
    keys = UsageRollup.objects.filter(width=3600).order_by("pk").values_list("pk", flat=True)[:3]
    UsageRollup.objects.filter(pk__in=list(keys)).delete()
    return 3, 0, 0


def spoil_sums() -> Counts:
    return 0, UsageRollup.objects.filter(width=86400).update(cost_micro=F("cost_micro") + 1), 0


def spoil_histograms() -> Counts:
    return 0, UsageRollup.objects.filter(width=86400).update(duration_bins='{"7":1}'), 0


def double_some() -> Counts:
    """As if a batch had been counted twice. Not on the day of the oldest record, where that could be right."""
    later = GOOD.moment + timedelta(days=1)
    return 0, UsageRollup.objects.filter(width=60, start__gte=later).update(requests=F("requests") * 2), 0


def invent_one() -> Counts:
    row = UsageRollup.objects.filter(width=60).order_by("start").last()
    assert row is not None
    row.pk = (row.dimension_id, row.width, row.start + timedelta(seconds=60))
    row.save(force_insert=True)
    return 0, 0, 1


def lose_all() -> Counts:
    missing, _ = UsageRollup.objects.all().delete()
    Dimension.objects.all().delete()
    return missing, 0, 0


@pytest.mark.parametrize(
    "damage", [drop_some, spoil_sums, spoil_histograms, double_some, invent_one, lose_all], ids=lambda way: way.__name__
)
def test_what_differs_from_the_records_is_told_and_put_right(
    records: list[Record], damage: Callable[[], Counts]
) -> None:
    missing, wrong, surplus = damage()
    damaged = kept()
    assert damaged != expected(records)
    told = f"3 days compared.\n{missing} missing, {wrong} wrong and {surplus} surplus roll-ups"
    assert run("--dry-run") == f"{told} would be put right.\n"
    assert kept() == damaged
    assert run() == f"{told} put right.\n"
    assert kept() == expected(records)
    assert run() == "3 days compared.\nNothing differs.\n"


def test_days_may_be_named_and_only_those_are_touched(records: list[Record]) -> None:
    UsageRollup.objects.all().delete()
    whole = expected(records)
    second = (GOOD.moment + timedelta(days=1)).date()
    assert run("--from", str(second), "--to", str(second)).startswith("1 days compared.\n")
    assert kept() == {key: row for key, row in whole.items() if key[2].date() == second}
    assert run("--from", str(second)).startswith("2 days compared.\n")
    assert run("--from", "2001-01-01", "--to", "2001-01-02") == (
        "0 days compared.\nNothing differs.\nBefore 2025-11-29 there are no records to compare with.\n"
    )
    assert run("--from", "2001-01-01").startswith("3 days compared.\n")
    assert kept() == whole


def test_what_is_no_day_is_refused() -> None:
    with pytest.raises(CommandError, match="'yesterday' is not a day such as 2026-11-29"):
        run("--from", "yesterday")


def test_without_a_record_nothing_is_touched(records: list[Record]) -> None:
    before = kept()
    UsageRecord.objects.all().delete()
    assert rebuild(GOOD.moment.date()) == Differences()
    assert run() == "There are no records to compare with.\n"
    assert kept() == before


def pruned(moment: Any, **which: Any) -> None:
    """Deletes records of before that moment, as whoever prunes does."""
    RecordsKept.only_since(moment, UsageRecord.objects.filter(**which).values_list("project_id", flat=True).distinct())
    UsageRecord.objects.filter(at__lt=moment, **which).delete()


def test_what_was_pruned_stays_summed_up(records: list[Record]) -> None:
    before = kept()
    pruned(GOOD.moment + timedelta(hours=23, minutes=7, seconds=30))
    told = run()
    assert "Nothing differs.\n" in told
    assert "roll-ups are left as they are, for not all of their records are kept.\n" in told
    assert kept() == before


def test_what_was_pruned_of_one_project_stays_summed_up_though_another_ones_records_are_kept(
    records: list[Record],
) -> None:
    before = kept()
    pruned(GOOD.moment + timedelta(days=1), project_id="proj_0")
    assert "Nothing differs.\n" in run()
    assert kept() == before


def test_records_that_arrive_after_their_time_was_pruned_do_not_make_it_seem_whole(records: list[Record]) -> None:
    pruned(GOOD.moment + timedelta(days=1))
    store([record(1000, at=GOOD.at - HOUR_US, project_id="proj_0")])
    before = kept()
    assert "Nothing differs.\n" in run()
    assert kept() == before


def test_where_records_are_missing_without_a_word_the_oldest_one_says_since_when_they_are_kept(
    records: list[Record],
) -> None:
    before = kept()
    UsageRecord.objects.filter(at__lt=GOOD.moment + timedelta(hours=30)).delete()
    assert "Nothing differs.\n" in run()
    assert kept() == before


def test_what_lacks_at_the_edge_of_the_records_is_put_right_and_what_is_more_is_left(records: list[Record]) -> None:
    whole = expected(records)
    first = min(key[2] for key in whole if key[1] == 86400)
    edge = UsageRollup.objects.filter(width=86400, start=first)
    edge.update(requests=F("requests") - 1)
    assert run().startswith(f"3 days compared.\n0 missing, {edge.count()} wrong")
    assert kept() == whole
    edge.update(requests=F("requests") + 1)
    assert f"{edge.count()} roll-ups are left" in run()
    assert kept() != whole


def test_the_moment_since_when_records_are_kept_only_moves_on() -> None:
    for hours in (2, 5, 3):
        RecordsKept.only_since(GOOD.moment + timedelta(hours=hours), ["proj_1", "proj_2"])
    moments = set(RecordsKept.objects.values_list("project_id", "since"))
    assert moments == {(name, GOOD.moment + timedelta(hours=5)) for name in ("proj_1", "proj_2")}
    assert str(RecordsKept.objects.get(project_id="proj_1")) == "proj_1 2025-11-29 10:05"


def test_records_of_a_version_without_roll_ups_get_into_them(records: list[Record]) -> None:
    UsageRollup.objects.all().delete()
    Dimension.objects.all().delete()
    UsageRecord.objects.update(dimension_id=0)
    assert "60 records of an earlier version are in no roll-up yet.\n" in run("--dry-run")
    assert kept() == {}
    run()
    assert kept() == expected(records)
    assert run() == "3 days compared.\nNothing differs.\n"


def test_several_days_at_a_time_with_postgresql_only(records: list[Record]) -> None:
    UsageRollup.objects.all().delete()
    if connection.vendor == "postgresql":
        err = Terminal()
        run("--jobs", "2", stderr=err)
        assert err.getvalue().endswith("3/3\n")
        assert kept() == expected(records)
    else:
        with pytest.raises(CommandError, match="--jobs"):
            run("--jobs", "2")
    with pytest.raises(CommandError, match="--jobs"):
        run("--jobs", "0")


def test_it_shows_how_far_it_is_and_can_be_quiet(records: list[Record]) -> None:
    err = Terminal()
    run(stderr=err)
    assert err.getvalue().endswith("3/3\n")
    assert run(verbosity=0) == ""
