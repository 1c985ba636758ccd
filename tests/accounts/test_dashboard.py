"""The first page of the staff."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit.triggers import deletion_allowed
from accounts.dashboard import CARDS, SHOWN, Card
from accounts.limits.gate import gate
from accounts.limits.rules import Plan, Rule
from accounts.models import (
    ApiKey,
    AuditEvent,
    Budget,
    Membership,
    Organization,
    Project,
    RateLimit,
    ServiceAccount,
    Spend,
    User,
)
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import staff_as, text

TITLES = {
    "limits": "Rate limits nearest to full",
    "budgets": "Budgets used",
    "in flight": "Requests in flight",
    "keys": "Keys that end soon or lie idle",
    "spending": "Spent in the last 30 days, in US dollars",
    "changes": "Last changes",
}


def cards(client: Client) -> dict[str, Card]:
    shown = {card.title: card for card in client.get("/admin/").context["cards"]}
    return {name: shown[title] for name, title in TITLES.items() if title in shown}


def cells(card: Card, column: int) -> list[str]:
    """One column of a card, without markup."""
    return [unescape(re.sub("<[^>]+>", "", str(row[column]))).strip() for row in card.rows]


def use(project: Project, requests: int) -> None:
    scope = f"project:{project.public_id}"
    for _ in range(requests):
        gate.local.reserve(Plan((Rule(scope, "", "requests", "minute", 100),), (), (scope,)), 0, 0)


def test_every_card_says_what_to_do_where_there_is_nothing(staff: Client) -> None:
    with transaction.atomic(), deletion_allowed():
        AuditEvent.objects.all().delete()
    shown = cards(staff)
    assert set(shown) == set(TITLES)
    page = unescape(text(staff.get("/admin/")))
    for card in shown.values():
        assert not card.rows
        assert not card.chart
        assert card.empty in page
        assert f'href="{card.link}"' in page
        assert staff.get(card.link).status_code == 200


def test_the_limits_nearest_to_full_come_first(staff: Client, organization: Organization) -> None:
    for name, requests in (("idle", 0), ("busy", 9), ("half", 5)):
        home = Project.objects.create(organization=organization, name=name)
        RateLimit.objects.create(project=home, unit="requests", period="minute", value=10)
        use(home, requests)
    RateLimit.objects.create(organization=organization, unit="in_flight", value=20)
    shown = cards(staff)
    assert cells(shown["limits"], 0) == ["project busy", "project half", "project idle"]
    assert cells(shown["limits"], 1) == ["10 requests per minute"] * 3
    assert cells(shown["limits"], 2) == ["9 of 10", "5 of 10", "0 of 10"]
    assert "lukhas-bar-near" in str(shown["limits"].rows[0][2])
    assert cells(shown["in flight"], 2) == ["0 of 20"]


def test_budgets_show_what_is_spent(staff: Client, project: Project) -> None:
    Budget.objects.create(project=project, period="day", amount=8)
    scope = f"project:{project.public_id}"
    grant: Any = gate.local.reserve(Plan((), (), (scope,)), 0, 0)
    gate.local.book(grant, 2_000_000)
    gate.loaded = True
    assert cells(cards(staff)["budgets"], 2) == ["$2.00 of $8.00"]


def test_keys_that_end_soon_or_lie_idle_are_listed_and_no_others(
    staff: Client, issue: Issue, organization: Organization, account: ServiceAccount
) -> None:
    now = timezone.now()
    soon, later, long_ago = now + timedelta(days=3), now + timedelta(days=31), now - timedelta(days=100)
    issue(name="good")
    issue(name="later", expires_at=later)
    issue(name="soon", expires_at=soon)
    issue(name="never used", created_at=long_ago)
    issue(name="new admin", is_admin=True, created_at=long_ago, last_used_at=now)
    issue(name="idle", created_at=long_ago, last_used_at=long_ago)
    issue(name="revoked", expires_at=soon)[0].revoke()
    issue(name="over", expires_at=soon)
    ApiKey.objects.filter(name="over").update(expires_at=long_ago)
    old = Project.objects.create(organization=organization, name="Old")
    robot = ServiceAccount.objects.create(project=old, name="robot")
    issue(name="archived", project=old, service_account=robot, expires_at=soon)
    old.archive()
    shown = cards(staff)["keys"]
    assert cells(shown, 0) == ["soon", "never used", "idle"]
    assert cells(shown, 2) == [f"ends {soon:%Y-%m-%d}", "never used", f"last used {long_ago:%Y-%m-%d}"]


def test_spending_is_charted_by_day_and_counted_once(staff: Client, project: Project) -> None:
    home = project.organization
    today = timezone.now().date()
    for scope in (f"organization:{home.public_id}", f"project:{project.public_id}", "key:any"):
        Spend.objects.create(scope=scope, period="day", start=today, micro=2_345_678)
        Spend.objects.create(scope=scope, period="day", start=today - timedelta(days=29), micro=1_000_000)
        Spend.objects.create(scope=scope, period="day", start=today - timedelta(days=30), micro=9_000_000)
        Spend.objects.create(scope=scope, period="month", start=today.replace(day=1), micro=9_000_000)
    chart = json.loads(cards(staff)["spending"].chart)
    assert len(chart["labels"]) == len(chart["datasets"][0]["data"]) == 30
    assert chart["labels"][-1] == f"{today:%d %b}"
    values = chart["datasets"][0]["data"]
    assert (values[0], values[-1], sum(values)) == (1.0, 2.35, pytest.approx(3.35))
    assert 'class="chart"' in text(staff.get("/admin/"))


def test_staff_see_the_spending_of_what_is_theirs(project: Project) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    theirs = Project.objects.create(organization=other, name="Theirs")
    beside = Project.objects.create(organization=other, name="Beside")
    today = timezone.now().date()
    dollars = {
        f"organization:{project.organization.public_id}": 1,
        f"project:{project.public_id}": 10,
        f"organization:{other.public_id}": 100,
        f"project:{theirs.public_id}": 1000,
        f"project:{beside.public_id}": 10_000,
    }
    for scope, amount in dollars.items():
        Spend.objects.create(scope=scope, period="day", start=today, micro=amount * 1_000_000)
    client = staff_as("member", project.organization, project=project, project_role="viewer")
    assert json.loads(cards(client)["spending"].chart)["datasets"][0]["data"][-1] == 1.0
    Membership.objects.all().delete()
    User.objects.all().delete()
    client = staff_as("viewer", other, project=theirs, project_role="viewer")
    assert json.loads(cards(client)["spending"].chart)["datasets"][0]["data"][-1] == 1000.0


def test_the_last_changes_are_told_with_who_made_them(staff: Client, organization: Organization) -> None:
    staff.post("/admin/accounts/project/add/", {"name": "App", "organization": organization.pk})
    shown = cards(staff)["changes"]
    assert cells(shown, 1)[0] == "project.created: App"
    assert cells(shown, 2)[0] == "user root@example.com"


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("owner", set(TITLES)),
        ("admin", set(TITLES)),
        ("member", {"limits", "budgets", "in flight", "spending"}),
        ("viewer", set()),
    ],
)
def test_staff_see_the_cards_of_what_their_role_may_see(organization: Organization, role: str, sees: set[str]) -> None:
    assert set(cards(staff_as(role, organization))) == sees


def test_staff_see_nothing_of_another_organisation(organization: Organization, issue: Issue) -> None:
    client = staff_as("owner", organization)
    other = Organization.objects.create(slug="other", name="zebra")
    home = Project.objects.create(organization=other, name="zebra")
    robot = ServiceAccount.objects.create(project=home, name="zebra")
    RateLimit.objects.create(project=home, unit="requests", period="minute", value=1)
    Budget.objects.create(organization=other, period="day", amount=1)
    soon = timezone.now() + timedelta(days=1)
    issue(name="zebra", organization=other, project=home, service_account=robot, expires_at=soon)
    assert "zebra" not in text(client.get("/admin/"))


def test_who_has_no_role_is_told_whom_to_ask(database: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new", "new@example.com", is_staff=True))
    page = text(client.get("/admin/"))
    assert "You have no role in any organisation yet." in page
    assert "#card" not in page


def test_what_changes_by_itself_is_asked_for_anew(staff: Client, project: Project) -> None:
    today = timezone.now().date()
    Spend.objects.create(scope="organization:any", period="day", start=today, micro=1)
    page = text(staff.get("/admin/"))
    assert 'hx-select-oob="#card-1,#card-2,#card-3,#card-4,#card-6"' in page
    assert len(CARDS) == 6


@pytest.mark.parametrize("role", ["superuser", "owner", "member"])
def test_the_page_costs_the_same_few_queries_however_much_there_is(
    role: str, organization: Organization, project: Project, issue: Issue, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue("staff") if role == "superuser" else staff_as(role, organization)

    def queries() -> int:
        client.get("/admin/")
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/admin/").status_code == 200
        return len(captured)

    def grow(number: int) -> None:
        home = Project.objects.create(organization=organization, name=f"p{number}")
        robot = ServiceAccount.objects.create(project=home, name="robot")
        soon = timezone.now() + timedelta(days=1)
        key, _ = issue(project=home, service_account=robot, expires_at=soon)
        RateLimit.objects.create(project=home, unit="requests", period="minute", value=1)
        RateLimit.objects.create(api_key=key, unit="in_flight", value=1)
        Budget.objects.create(project=home, period="day", amount=1)
        Spend.objects.create(scope=f"project:{home.public_id}", period="day", start=soon.date(), micro=1)

    grow(0)
    few = queries()
    for number in range(1, 12):
        grow(number)
    assert queries() == few
    assert few <= 14
    assert all(len(card.rows) <= SHOWN for card in cards(client).values())
