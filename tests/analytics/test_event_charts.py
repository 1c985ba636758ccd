"""The page "Event charts": whose events it shows, of which time, what became of them, and at which cost."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, Organization, Project, ProjectMembership, User
from analytics import judging
from analytics.dashboard.activity import FIXES
from analytics.keeping import HOURLY_LIMIT
from tests.analytics.counted import counted
from tests.analytics.test_dashboard import browser, text
from tests.conftest import empty_database

pytestmark = pytest.mark.usefixtures("database")
PAGE = "/admin/events/"
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
OTHER = "zebra"


@pytest.fixture
def home() -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def project(home: Organization) -> Project:
    return Project.objects.create(organization=home, name="Web shop")


@pytest.fixture
def staff(home: Organization) -> Client:
    return browser("admin", home)


def happened(project: Project, *, hours: int = 0, **counts: int) -> None:
    """So many events of these names, that many hours ago."""
    counted(project.public_id, HOUR - timedelta(hours=hours), counts)


def came(project: Project, *, hours: int = 0, **counts: int) -> None:
    """What became of so many events, that many hours ago."""
    counted(project.public_id, HOUR - timedelta(hours=hours), outcomes=counts)


def chart(answer: Any, key: str) -> dict[str, float]:
    """The sum of each series of a chart."""
    found = answer.context["activity"]
    drawn = next(each for each in (found.wide, *found.charts) if each.key == key)
    return {one.name: sum(value or 0 for value in one.values) for one in drawn.series}


def tiles(answer: Any) -> dict[str, tuple[str, str, str]]:
    return {tile.title: (tile.value, tile.note, tile.change) for tile in answer.context["activity"].tiles}


# --- Whose events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "in_project", "status"),
    [
        ("owner", "", 200),
        ("admin", "", 200),
        ("member", "", 403),
        ("viewer", "", 403),
        ("viewer", "viewer", 200),
        ("", "", 302),
    ],
)
def test_whoever_may_read_the_analytics_of_a_project_sees_its_events(
    home: Organization, project: Project, role: str, in_project: str, status: int
) -> None:
    client = browser(role, home) if role else Client()
    if in_project:
        member = Membership.objects.get(organization=home, role=role)
        ProjectMembership.objects.create(membership=member, project=project, role=in_project)
    happened(project, page_view=3)
    answer = client.get(PAGE)
    assert answer.status_code == status
    if status == 200:
        assert chart(answer, "events") == {"page_view": 3}
        assert f'href="{PAGE}"' in client.get("/admin/").content.decode()


def test_of_the_projects_of_an_organisation_only_those_are_shown_whose_analytics_one_may_read(
    home: Organization, project: Project
) -> None:
    client = browser("member", home)
    member = Membership.objects.get(organization=home, role="member")
    ProjectMembership.objects.create(membership=member, project=project, role="viewer")
    hidden = Project.objects.create(organization=home, name=OTHER)
    happened(project, page_view=1)
    happened(hidden, **{OTHER: 1})
    for query in ({}, {"project": hidden.public_id}, {"project": project.public_id}):
        answer = client.get(PAGE, query)
        assert chart(answer, "events") == {"page_view": 1}
        assert OTHER not in text(answer)
    assert "has no such project" in text(client.get(PAGE, {"project": hidden.public_id}))


def test_nothing_of_another_organisation_is_shown(staff: Client, home: Organization, project: Project) -> None:
    other = Organization.objects.create(slug=OTHER, name=OTHER)
    theirs = Project.objects.create(organization=other, name=f"{OTHER} project")
    happened(project, page_view=1)
    happened(theirs, **{OTHER: 1})
    came(theirs, unknown_event=1)
    answer = staff.get(PAGE, {"organization": other.public_id, "project": theirs.public_id})
    assert chart(answer, "events") == {"page_view": 1}
    assert chart(answer, "rejected") == {}
    assert OTHER not in text(answer)
    assert "There is no such organisation, or you may not see its data." in text(answer)


def test_a_superuser_chooses_the_organisation(home: Organization, project: Project) -> None:
    other = Organization.objects.create(slug=OTHER, name=OTHER)
    theirs = Project.objects.create(organization=other, name="Theirs")
    happened(project, page_view=1)
    happened(theirs, page_view=2)
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    for organization, number in ((home, 1), (other, 2)):
        assert chart(client.get(PAGE, {"organization": organization.public_id}), "events") == {"page_view": number}
    bare = Organization.objects.create(slug="bare", name="No projects yet")
    assert "Make a key" in text(client.get(PAGE, {"organization": bare.public_id}))


def test_without_any_organisation_it_says_how_to_make_one() -> None:
    empty_database()
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    assert "manage.py create_api_key" in text(client.get(PAGE))


def test_it_is_only_looked_at(staff: Client) -> None:
    assert staff.post(PAGE).status_code == 405
    assert staff.head(PAGE).status_code == 200


# --- What is shown -----------------------------------------------------------------------------------------------


def test_events_are_drawn_by_name_and_listed_with_their_shares_and_how_they_changed(
    staff: Client, home: Organization, project: Project
) -> None:
    elsewhere = Project.objects.create(organization=home, name="Support")
    happened(project, page_view=60, cta_clicked=10)
    happened(elsewhere, hours=3, page_view=30)
    happened(project, hours=30, page_view=45, old=7)
    answer = staff.get(PAGE)
    assert chart(answer, "events") == {"page_view": 90, "cta_clicked": 10}
    listed = [(place.name, place.told, place.percent, place.note) for place in answer.context["activity"].names]
    assert listed == [("page_view", "90", "90.0 %", "+100.0 %"), ("cta_clicked", "10", "10.0 %", "–")]
    assert tiles(answer)["Events"] == ("100", "of 2 names", "+92.3 %")


def test_of_many_names_the_first_are_drawn_and_listed_and_the_others_together(staff: Client, project: Project) -> None:
    happened(project, **{f"name_{number}": number + 1 for number in range(12)})
    answer = staff.get(PAGE)
    places = answer.context["activity"].names
    assert [place.name for place in places] == [*(f"name_{11 - row}" for row in range(10)), "all others"]
    assert [place.count for place in places] == [*range(12, 2, -1), 3]
    assert sum(place.share for place in places) == pytest.approx(1)
    assert chart(answer, "events") == {**{f"name_{11 - row}": 12 - row for row in range(6)}, "all others": 21}


def test_what_came_in_is_drawn_by_what_became_of_it_and_why_it_was_rejected(staff: Client, project: Project) -> None:
    came(project, accepted=70, duplicate=20, unknown_event=7, invalid_id=1)
    came(project, hours=5, accepted=2, unknown_event=1)
    came(project, hours=30, too_old=9)
    answer = staff.get(PAGE)
    assert chart(answer, "came-in") == {"accepted": 72, "duplicate": 20, "rejected": 9}
    assert chart(answer, "rejected") == {"unknown event": 8, "invalid id": 1}
    assert {title: told[:2] for title, told in tiles(answer).items()} == {
        "Events": ("0", "of 0 names"),
        "Accepted": ("72", "71.3 % of what came in"),
        "Duplicates": ("20", "19.8 % of what came in"),
        "Rejected": ("9", "8.9 % of what came in"),
    }
    first = answer.context["activity"].reasons[0]
    assert (first.name, first.told, first.percent) == ("unknown event", "8", "88.9 %")
    assert "let the project admit unknown names" in first.note
    assert first.link == "/admin/analytics/rejectedevent/?code=unknown_event"
    assert "No event happened in this time." in text(answer)


def test_of_many_reasons_the_first_are_drawn_each_and_all_are_listed_with_what_helps(
    staff: Client, project: Project
) -> None:
    came(project, **{reason: 20 - number for number, reason in enumerate(FIXES)})
    answer = staff.get(PAGE)
    assert list(chart(answer, "rejected").values()) == [20, 19, 18, 17, 16, 15, 14 + 13 + 12]
    places = answer.context["activity"].reasons
    assert [place.note for place in places] == list(FIXES.values())
    assert staff.get(places[0].link).status_code == 200


def test_something_helps_against_every_reason_for_which_an_event_is_rejected_and_counted() -> None:
    words = {value for name, value in vars(judging).items() if name.isupper() and isinstance(value, str)}
    uncounted = {judging.DO_NOT_TRACK, judging.PRIVACY_CONTROL, judging.CONSENT}
    assert set(FIXES) == words - uncounted | {HOURLY_LIMIT}


def test_a_reason_of_another_version_is_shown_as_well(staff: Client, project: Project) -> None:
    came(project, too_blue=1)
    assert [(place.name, place.note) for place in staff.get(PAGE).context["activity"].reasons] == [("too blue", "")]


def test_each_chart_has_a_text_and_a_table_behind_it(staff: Client, project: Project) -> None:
    happened(project, page_view=1)
    came(project, accepted=1, unknown_event=2)
    page = staff.get(PAGE).content.decode()
    assert "In all: accepted 1, duplicate 0, rejected 2.</desc>" in page
    assert page.count('role="img"') == page.count('<details class="lukhas-behind">') == page.count("<desc") == 3
    assert len(re.findall(r' id="([^"]+)"', page)) == len(set(re.findall(r' id="([^"]+)"', page)))


def test_the_time_is_chosen_in_the_address_and_drawn_by_hours_or_days(staff: Client, project: Project) -> None:
    for hours in (0, 30, 24 * 10):
        happened(project, hours=hours, page_view=1)
        came(project, hours=hours, accepted=1)
    for name, number, unit in (("24h", 1, "hour"), ("7d", 2, "hour"), ("30d", 3, "day")):
        answer = staff.get(PAGE, {"range": name})
        assert chart(answer, "events") == {"page_view": number}
        assert chart(answer, "came-in")["accepted"] == number
        assert answer.context["activity"].wide.title == f"Events per {unit}, by name"
    assert [name for name, _, _ in answer.context["choices"]["ranges"]] == ["24h", "7d", "30d"]
    day = f"{HOUR - timedelta(days=10):%Y-%m-%d}"
    answer = staff.get(PAGE, {"from": day, "to": day})
    assert chart(answer, "events") == {"page_view": 1}
    short = {"from": f"{HOUR:%Y-%m-%dT%H:10}", "to": f"{HOUR:%Y-%m-%dT%H:20}"}
    assert staff.get(PAGE, short).context["asked"].period.unit == "hour"


def test_events_of_a_day_are_in_its_column(staff: Client, project: Project) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for hour in (midnight, midnight + timedelta(hours=23), midnight + timedelta(hours=24)):
        counted(project.public_id, hour, {"page_view": 1})
    answer = staff.get(PAGE, {"range": "30d"})
    assert list(answer.context["activity"].wide.series[0].values)[-3:] == [2, 1, 0]


def test_a_project_is_chosen_in_the_address(staff: Client, home: Organization, project: Project) -> None:
    happened(project, page_view=1)
    happened(Project.objects.create(organization=home, name="Support"), page_view=5)
    answer = staff.get(PAGE, {"project": project.public_id})
    assert chart(answer, "events") == {"page_view": 1}
    assert f'<option value="{project.public_id}" selected>Web shop' in answer.content.decode()


@pytest.mark.parametrize("value", ["\0", "<b>", "9" * 5000, "1h"])
def test_what_makes_no_sense_is_said_and_shows_what_there_is(staff: Client, project: Project, value: str) -> None:
    happened(project, page_view=1)
    answer = staff.get(PAGE, dict.fromkeys(("organization", "project", "range", "from", "to"), value))
    assert answer.status_code == 200
    assert chart(answer, "events") == {"page_view": 1}
    assert len(answer.context["complaints"]) == 3  # the three of the time are one
    assert "<b>" not in answer.content.decode()


# --- Where there is nothing --------------------------------------------------------------------------------------


def test_where_nothing_was_ever_sent_it_says_how_to(staff: Client) -> None:
    answer = staff.get(PAGE)
    assert "curl http://testserver/api/analytics/events" in text(answer)
    assert 'href="/admin/accounts/apikey/add/"' in answer.content.decode()


@pytest.mark.parametrize("kind", [{"page_view": 1}, {}])
def test_where_nothing_happened_in_this_time_a_longer_one_is_offered(
    staff: Client, project: Project, kind: Mapping[str, int]
) -> None:
    happened(project, hours=50, **kind)
    came(project, hours=50, unknown_event=1)
    answer = staff.get(PAGE, {"project": project.public_id})
    assert "Nothing happened, and nothing came in, within this time." in text(answer)
    assert 'href="?range=30d"' in answer.content.decode()


def test_where_nothing_was_rejected_it_says_so(staff: Client, project: Project) -> None:
    happened(project, page_view=1)
    assert "Nothing was rejected in this time." in text(staff.get(PAGE))
    assert "Nothing came in within this time." in text(staff.get(PAGE))


# --- What it costs -----------------------------------------------------------------------------------------------


def test_it_costs_the_same_few_queries_whatever_there_is_and_reads_counts_only(
    staff: Client, home: Organization, project: Project
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert staff.get(PAGE, {"range": "30d"}).context["activity"] is not None
        asked = [query["sql"] for query in found.captured_queries]
        assert not any('"analytics_event"' in sql or "rejectedevent" in sql for sql in asked)
        assert sum("analytics_" in sql for sql in asked) == 4
        return len(found)

    happened(project, page_view=1)
    before = queries()
    for number in range(12):
        other = Project.objects.create(organization=home, name=f"Project {number}")
        happened(other, hours=number * 20, **{f"name_{each}": each + 1 for each in range(12)})
        came(other, hours=number * 20, accepted=5, duplicate=2, unknown_event=1, invalid_id=3)
    assert queries() == before <= 12
