"""manage.py rebuild_visits. On SQLite and PostgreSQL."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.bootstrap import ensure_defaults
from accounts.models import Project
from analytics.keeping import keep
from analytics.models import Event, Visit, VisitTrail
from analytics.visits import rebuilding
from analytics.visits.stays import stay_of
from tests.analytics.test_prune import Terminal
from tests.analytics.visited import NOON, everything, seen, take, visits

pytestmark = pytest.mark.usefixtures("database")


def run(*arguments: str, **options: Any) -> list[str]:
    out = StringIO()
    call_command("rebuild_visits", *arguments, stdout=out, **{"stderr": StringIO(), **options})
    return out.getvalue().splitlines()


@pytest.fixture
def three() -> list[tuple[Any, ...]]:
    """Two visits of a session, and one of a user."""
    take(seen(1, 0), seen(2, 5), seen(3, 60), seen(4, 1, session="", person="ann"))
    return everything()


def test_where_nothing_differs_it_says_so(three: list[Any]) -> None:
    assert run() == ["The visits of 2 visitors compared.", "Nothing differs."]
    assert everything() == three


def test_what_differs_from_the_events_is_told_and_put_right(three: list[Any]) -> None:
    first, second, third = Visit.objects.order_by("started_at", "-events")
    assert VisitTrail.objects.filter(pk=second.pk).update(identity="nobody") == 1
    Visit.objects.filter(pk=first.pk).update(events=7)
    third.delete()
    before = everything()
    told = "2 missing, 1 wrong and 1 surplus visits {}."
    assert run("--dry-run")[1:] == [told.format("would be put right")]
    assert everything() == before
    assert run()[1:] == [told.format("put right")]
    assert everything() == three
    assert run()[1:] == ["Nothing differs."]


def test_a_visit_that_is_there_twice_is_there_once_afterwards(three: list[Any]) -> None:
    visit = Visit.objects.get(events=2)
    again = Visit.objects.create(project_id=visit.project_id, **visit.stay._asdict())
    VisitTrail.objects.create(visit=again, project_id="proj_1", kind="session", identity="s")
    assert run()[1:] == ["0 missing, 0 wrong and 1 surplus visits put right."]
    assert everything() == three


def test_events_that_are_not_derived_from_yet_are_first_and_by_a_dry_run_not_missed(three: list[Any]) -> None:
    keep([seen(5, 70), seen(6, 300)])
    assert run("--dry-run")[1:] == ["Nothing differs."]
    assert everything() == three
    assert run()[1:] == ["Nothing differs."]
    assert visits(kind="session") == [(0, 5, 2), (60, 70, 2), (300, 300, 1)]


def test_a_visit_whose_first_events_were_deleted_is_left_as_it_is(three: list[Any]) -> None:
    Event.objects.filter(at__lte=NOON + timedelta(minutes=2)).delete()
    assert run()[1:] == ["Nothing differs.", "2 visits are left as they are, for not all of their events are kept."]
    assert everything() == three
    Event.objects.all().delete()
    assert run() == [
        "The visits of 0 visitors compared.",
        "Nothing differs.",
        "3 visits are left as they are, for not all of their events are kept.",
    ]


def test_what_came_after_a_visit_that_is_left_is_still_put_right(three: list[Any]) -> None:
    Event.objects.filter(at__lte=NOON + timedelta(minutes=2)).delete()
    Visit.objects.filter(events=1, trail__kind="session").delete()
    assert run()[1] == "1 missing, 0 wrong and 0 surplus visits put right."
    assert everything() == three


def test_only_the_project_that_is_named_is_compared(three: list[Any]) -> None:
    project = ensure_defaults()[1]
    take(seen(7, 0, project_id=project.public_id))
    Visit.objects.update(events=9)
    assert run("--project", project.public_id) == [
        "The visits of 1 visitors compared.",
        "0 missing, 1 wrong and 0 surplus visits put right.",
    ]
    assert sorted(Visit.objects.values_list("events", flat=True)) == [1, 9, 9, 9]
    with pytest.raises(CommandError, match="no project"):
        run("--project", "proj_nobody")
    assert Project.objects.count() == 1


def test_very_many_visitors_are_compared_in_portions_with_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK", 2)
    monkeypatch.setattr("analytics.management.commands.rebuild_visits.CHUNK", 2)
    take(*(seen(number, number, session=f"s{number % 5}", project_id=f"proj_{number % 2}") for number in range(20)))
    before = everything()
    Visit.objects.all().delete()
    terminal = Terminal()
    assert run(stderr=terminal)[1:] == ["10 missing, 0 wrong and 0 surplus visits put right."]
    assert terminal.getvalue().endswith("] 5/5\n")
    assert everything() == before
    quiet = Terminal()
    assert run(stderr=quiet, verbosity=0) == []
    assert quiet.getvalue() == ""


def test_whoever_has_visits_and_no_events_is_compared_too(three: list[Any]) -> None:
    ghost = Visit.objects.create(project_id="proj_1", **stay_of(NOON + timedelta(hours=1), "", "", "")._asdict())
    VisitTrail.objects.create(visit=ghost, project_id="proj_1", kind="person", identity="ghost")
    assert run()[1:] == ["0 missing, 0 wrong and 1 surplus visits put right."]
    assert everything() == three
