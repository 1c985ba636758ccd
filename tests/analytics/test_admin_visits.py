"""Visits on the staff pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from analytics.models import Visit
from analytics.visits.keeping import make
from analytics.visits.stays import stay_of

pytestmark = pytest.mark.usefixtures("database")
PAGE = "/admin/analytics/visit/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com", "x" * 20))
    return client


def add(number: int, page: str = "/docs", browser: str = "Firefox", project: str = "proj_1", days: int = 0) -> None:
    start = timezone.now() - timedelta(days=days)
    stay = stay_of(start, page, browser, "192.0.2.0/24")._replace(ended_at=start + timedelta(seconds=100))
    make([((project, "session", f"hash of {number}"), stay._replace(events=number))])


@pytest.fixture
def rows(staff: Client) -> None:
    add(1)
    add(2, "/start", "Edge")
    add(3, "", "", "proj_2", days=1)
    add(4, days=1)
    add(5, days=40)


def shown(answer: Any) -> list[int]:
    return sorted(row.events for row in answer.context["cl"].result_list)


@pytest.mark.parametrize(
    ("query", "found", "by_day"),
    [
        ("", [1, 2, 3, 4, 5], [2, 2]),
        ("?q=/start", [2], [0, 1]),
        ("?q=/sta", [], [0, 0]),
        ("?q=proj_2", [3], [1, 0]),
        ("?browser=Edge", [2], [0, 1]),
        ("?browser=Netscape", [1, 2, 3, 4, 5], [2, 2]),
    ],
)
def test_visits_are_found_by_page_project_and_browser_and_drawn_by_day(
    staff: Client, rows: None, query: str, found: list[int], by_day: list[int]
) -> None:
    answer = staff.get(f"{PAGE}{query}")
    assert shown(answer) == found
    chart = answer.context["chart"]
    (series,) = chart.series
    assert (len(series.values), series.values[-2:], sum(series.values)) == (30, by_day, sum(by_day))
    text = answer.content.decode()
    assert ("Show as a table" in text) == bool(sum(by_day))
    assert ("No visit began in the last 30 days." in text) == (not sum(by_day))


def test_a_list_costs_the_same_few_queries_whatever_there_is_and_tells_of_nobody(staff: Client) -> None:
    def cost(first: int) -> int:
        for number in range(first, first + 10):
            add(number)
        with CaptureQueriesContext(connection) as queries:
            answer = staff.get(PAGE)
        assert "1 min 40 s" in answer.content.decode()
        assert "hash of" not in answer.content.decode()
        assert not any("analytics_visittrail" in query["sql"] for query in queries)
        return len(queries)

    assert cost(1) == cost(11)


def test_a_visit_is_shown_and_cannot_be_changed(staff: Client, rows: None) -> None:
    page = f"{PAGE}{Visit.objects.get(events=2).pk}"
    answer = staff.get(f"{page}/change/")
    assert "/start" in answer.content.decode()
    assert "hash of" not in answer.content.decode()
    for path in (f"{page}/change/", f"{page}/delete/", f"{PAGE}add/"):
        assert staff.post(path, {"events": "9", "post": "yes"}).status_code == 403
    assert Visit.objects.count() == 5


def test_a_filter_that_means_nothing_leads_back_to_the_list(staff: Client, rows: None) -> None:
    answer = staff.get(f"{PAGE}?started_at__gte=bogus")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PAGE}?e=1")
