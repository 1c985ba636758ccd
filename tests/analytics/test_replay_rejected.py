"""manage.py replay_rejected."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from analytics import replaying
from analytics.judging import INVALID_ID, INVALID_PROPERTIES, UNKNOWN
from analytics.keeping import keep
from analytics.models import AnalyticsPolicy, Event, EventCount, EventName, EventOutcome, RejectedEvent, Width
from tests.analytics.judged import RECEIVED, entry


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("replay_rejected", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def organization(database: None) -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def project(organization: Organization) -> Project:
    return ensure_defaults()[1]


@pytest.fixture(autouse=True)
def rejected(project: Project) -> None:
    """Two of an unknown name, one whose properties did not fit, and one whose id was none."""
    mine = {"project_id": project.public_id, "name": "purchase", "counted": "", "message": "No."}
    keep(
        [
            entry(1, code=UNKNOWN, **mine),
            entry(2, code=UNKNOWN, **mine),
            entry(3, code=INVALID_PROPERTIES, **{**mine, "name": "refund"}),
            entry(4, code=INVALID_ID, **mine),
        ]
    )


def test_before_the_fix_all_stay_as_they_are() -> None:
    assert run() == "0 events kept, 0 were there already, 3 stay rejected.\n  unknown_event: 3\n"
    assert RejectedEvent.objects.count() == 4


def test_after_the_fix_they_are_kept_as_if_they_had_been_from_the_first(organization: Organization) -> None:
    EventName.objects.create(organization=organization, name="purchase")
    assert run() == "2 events kept, 0 were there already, 1 stay rejected.\n  unknown_event: 1\n"
    row = Event.objects.get(event_id="e1")
    assert (row.name, row.properties, row.session, row.kept) == ("purchase", {"path": "/docs"}, "s", True)
    assert int(row.at.timestamp()) * 1_000_000 == RECEIVED - 5_000_000
    assert EventCount.objects.values_list("name", "count").get(width=Width.HOUR) == ("purchase", 2)
    came = {UNKNOWN: 2, INVALID_PROPERTIES: 1, INVALID_ID: 1}
    assert dict(EventOutcome.objects.filter(width=Width.HOUR).values_list("outcome", "count")) == came, (
        "as they were when they came in"
    )
    assert sorted(RejectedEvent.objects.values_list("event_id", flat=True)) == ["e3", "e4"]
    assert run() == "0 events kept, 0 were there already, 1 stay rejected.\n  unknown_event: 1\n"


def test_a_schema_still_counts_and_a_limit_does_not(organization: Organization) -> None:
    EventName.objects.create(organization=organization, name="purchase", hourly_limit=1)
    EventName.objects.create(organization=organization, name="refund", properties={"required": ["cents"]})
    assert run() == "2 events kept, 0 were there already, 1 stay rejected.\n  invalid_properties: 1\n"


def test_only_those_of_a_name(organization: Organization, project: Project) -> None:
    AnalyticsPolicy.objects.create(project=project, admits_unknown=True)
    assert run("--event", "refund") == "1 events kept, 0 were there already, 0 stay rejected.\n"
    assert Event.objects.get().event_id == "e3"


def test_a_dry_run_keeps_nothing(organization: Organization) -> None:
    EventName.objects.create(organization=organization, name="purchase")
    assert run("--dry-run").startswith("2 events would be kept, 0 were there already, 1 stay rejected.")
    assert (Event.objects.count(), EventCount.objects.count(), RejectedEvent.objects.count()) == (0, 0, 4)


def test_what_came_in_well_meanwhile_is_not_kept_twice(organization: Organization, project: Project) -> None:
    EventName.objects.create(organization=organization, name="purchase")
    keep([entry(1, project_id=project.public_id)])
    assert run("--event", "purchase") == "1 events kept, 1 were there already, 0 stay rejected.\n"
    assert Event.objects.get(event_id="e1").name == "page_view"
    assert not RejectedEvent.objects.filter(event_id="e1").exists()


def test_a_project_that_keeps_only_counts_by_now_counts_them(organization: Organization, project: Project) -> None:
    AnalyticsPolicy.objects.create(project=project, admits_unknown=True, keeps_raw=False)
    run()
    assert set(Event.objects.values_list("name", "kept")) == {("", False)}
    assert set(EventCount.objects.values_list("name", "count")) == {("purchase", 2), ("refund", 1)}


def test_events_of_a_project_that_is_gone_stay_rejected() -> None:
    RejectedEvent.objects.update(project_id="proj_gone")
    assert run().startswith("0 events kept")


def test_it_goes_in_portions_and_shows_them_on_a_terminal(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventName.objects.create(organization=organization, name="purchase")
    monkeypatch.setattr(replaying, "CHUNK", 1)
    err = Terminal()
    assert run(stderr=err).startswith("2 events kept")
    assert err.getvalue().endswith("1/1\n")


def test_it_can_be_quiet(organization: Organization) -> None:
    EventName.objects.create(organization=organization, name="purchase")
    assert run(verbosity=0) == ""
    assert Event.objects.count() == 2
