"""The staff pages of limits, with what is used of them now."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.bars import Bar
from accounts.limits.gate import gate
from accounts.limits.rules import Plan, Rule
from accounts.models import Budget, Membership, Organization, Project, RateLimit, Spend, User
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import staff_as


def path(page: str, *parts: object) -> str:
    return "/admin/" + "".join(f"{part}/" for part in ("accounts", page, *parts))


@pytest.fixture
def used(project: Project) -> str:
    """Uses three requests and two dollars of the project, and returns its scope."""
    scope = f"project:{project.public_id}"
    plan = Plan((Rule(scope, "", "requests", "minute", 10),), (), (scope,))
    for _ in range(3):
        grant: Any = gate.local.reserve(plan, 0, 0)
    gate.local.book(grant, 2_000_000)
    gate.loaded = True
    return scope


def test_the_lists_show_what_is_used_now(staff: Client, project: Project, used: str) -> None:
    RateLimit.objects.create(project=project, unit="requests", period="minute", value=10)
    Budget.objects.create(project=project, period="day", amount=8)
    limits = staff.get(path("ratelimit")).content.decode()
    assert '<progress max="10" value="3"></progress>' in limits
    assert ">3 of 10</span>" in limits
    assert f"project {project}" in limits
    budgets = staff.get(path("budget")).content.decode()
    assert '<progress max="8000000" value="2000000"></progress>' in budgets
    assert ">$2.00 of $8.00</span>" in budgets


def test_a_bar_is_full_at_most_and_a_limit_of_nothing_has_one(staff: Client, project: Project, used: str) -> None:
    RateLimit.objects.create(project=project, unit="requests", period="minute", value=0)
    page = staff.get(path("ratelimit")).content.decode()
    assert '<progress max="1" value="1"></progress>' in page
    assert ">3 of 0</span>" in page


@pytest.mark.parametrize(("limit", "state"), [(10, "free"), (3, "full"), (2, "full"), (0, "full")])
def test_a_bar_is_drawn_by_how_full_it_is(staff: Client, project: Project, used: str, limit: int, state: str) -> None:
    RateLimit.objects.create(project=project, unit="requests", period="minute", value=limit)
    assert f"lukhas-bar-{state}" in staff.get(path("ratelimit")).content.decode()
    assert Bar("", 8, 10, str).state == "near"


@pytest.mark.parametrize("page", ["ratelimit", "budget"])
def test_a_list_asks_for_the_bars_of_its_rows_and_an_empty_one_for_none(
    page: str, staff: Client, project: Project, used: str
) -> None:
    assert "/live/" not in staff.get(path(page)).content.decode()
    rows: list[Any] = [
        RateLimit.objects.create(project=project, unit="requests", period="minute", value=10),
        Budget.objects.create(project=project, period="day", amount=8),
    ]
    row = next(each for each in rows if page == type(each).__name__.lower())
    assert f'hx-get="/admin/accounts/{page}/live/?ids={row.pk}"' in staff.get(path(page)).content.decode()
    answer = staff.get(path(page, "live"), {"ids": f"{row.pk},x,-1,{'9' * 40},999"})
    assert answer.content.decode().count(f'<span id="bar-{row.pk}" hx-swap-oob="true"') == 1
    assert answer.content.decode().count("<progress") == 1
    assert "no-store" in answer.headers["Cache-Control"]
    assert staff.get(path(page, "live")).content == b""


def test_bars_are_shown_to_those_who_may_see_the_limit(project: Project, used: str) -> None:
    row = RateLimit.objects.create(project=project, unit="requests", period="minute", value=10)
    assert staff_as("viewer", project.organization).get(path("ratelimit", "live"), {"ids": row.pk}).status_code == 403
    Membership.objects.update(role="member")
    client = Client()
    client.force_login(User.objects.get(username="clerk"))
    assert client.get(path("ratelimit", "live"), {"ids": row.pk}).content == b""
    Membership.objects.update(role="admin")
    assert b"3 of 10" in client.get(path("ratelimit", "live"), {"ids": row.pk}).content


@pytest.mark.parametrize("page", ["ratelimit", "budget"])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    page: str, staff: Client, organization: Organization, issue: Issue
) -> None:
    def grow(number: int) -> int:
        for at in range(number):
            home = Project.objects.create(organization=organization, name=f"p{at}")
            RateLimit.objects.create(project=home, unit="tokens", period="day", value=5)
            Budget.objects.create(project=home, period="day", amount=5)
        staff.get(path(page))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert staff.get(path(page)).status_code == 200
        return len(queries)

    assert grow(2) == grow(20)


def test_limits_are_added_changed_and_deleted_by_hand(staff: Client, project: Project) -> None:
    fields = {"project": project.pk, "model": "", "unit": "requests", "period": "minute", "value": 5}
    assert staff.get(path("ratelimit", "add")).status_code == 200
    assert staff.post(path("ratelimit", "add"), fields).status_code == 302
    row = RateLimit.objects.get()
    assert (row.project, row.value) == (project, 5)
    assert staff.get(path("ratelimit", row.pk, "change")).status_code == 200
    assert staff.post(path("ratelimit", row.pk, "change"), {**fields, "project": "", "value": 6}).status_code == 302
    row.refresh_from_db()
    assert (row.project, row.value) == (project, 6)
    assert staff.post(path("ratelimit", row.pk, "delete"), {"post": "yes"}).status_code == 302
    assert not RateLimit.objects.exists()
    assert staff.post(path("budget", "add"), {"project": project.pk, "period": "day", "amount": "5"}).status_code == 302
    assert Budget.objects.get().amount == 5


@pytest.mark.parametrize(
    "bad",
    [
        {"project": ""},
        {"model": "big"},
        {"unit": "in_flight"},
        {"period": ""},
        {"value": "-1"},
        {"value": ""},
        {"twice": "yes"},
    ],
)
def test_what_the_database_would_refuse_is_refused_with_a_message(
    staff: Client, project: Project, bad: dict[str, str]
) -> None:
    if "twice" in bad:
        RateLimit.objects.create(project=project, unit="requests", period="minute", value=5)
    before = RateLimit.objects.count()
    fields = {"project": project.pk, "model": "", "unit": "requests", "period": "minute", "value": 5, **bad}
    answer = staff.post(path("ratelimit", "add"), fields)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert RateLimit.objects.count() == before


def test_what_was_spent_is_shown_and_never_written_by_hand(staff: Client) -> None:
    row = Spend.objects.create(scope="project:p", period="day", start=date(2026, 1, 31), micro=1_234_567)
    assert "1.234567" in staff.get(path("spend")).content.decode()
    assert staff.get(path("spend"), {"q": "project:p"}).status_code == 200
    assert staff.get(path("spend", "add")).status_code == 403
    assert staff.post(path("spend", row.pk, "change"), {"micro": 0}).status_code == 403
    assert staff.post(path("spend", row.pk, "delete"), {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.micro == 1_234_567
