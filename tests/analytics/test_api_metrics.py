"""GET /api/analytics/metrics."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.memo import callers
from accounts.models import Project
from analytics.draining import store
from analytics.metrics import metrics
from analytics.models import Event, UsageRecord
from analytics.records import EPOCH
from tests import openapi
from tests.analytics.counted import counted
from tests.analytics.recorded import record
from tests.analytics.test_api_privacy import key, lowered, person, project, revoked, stranger, unhurried

__all__ = ["project", "stranger", "unhurried"]
pytestmark = pytest.mark.usefixtures("database")
PATH = "/api/analytics/metrics"
SHAPE = "AnalyticsMetrics"
NUMBERS = iter(range(1, 10**9))
HOUR = timedelta(hours=1)
HOUR_OF_NOW = timezone.now().replace(minute=0, second=0, microsecond=0)


def ask(token: str, query: str = "") -> Any:
    callers.forget()
    return Client().get(f"{PATH}{query}", headers={"authorization": f"Bearer {token}"})


def happened(project: Project, hours: int, outcomes: dict[str, int], **names: int) -> None:
    """Events of an hour, so many hours ago, and what became of those that came in then."""
    counted(project.public_id, HOUR_OF_NOW - hours * HOUR, names, outcomes)


def asked(project: Project, hours: int, **fields: Any) -> None:
    """A request at the beginning of the hour so many hours ago."""
    at = (HOUR_OF_NOW - hours * HOUR - EPOCH) // timedelta(microseconds=1)
    home = {"organization_id": project.organization.public_id, "project_id": project.public_id}
    store([record(next(NUMBERS), at=at, **{**home, **fields})])


def test_it_tells_events_by_name_what_became_of_them_and_usage(project: Project) -> None:
    happened(project, 0, {"accepted": 5, "duplicate": 2, "invalid_id": 1, "unknown_event": 3}, page_view=4, cta=1)
    happened(project, 20, {"accepted": 1, "unknown_event": 1}, page_view=1)
    asked(project, 0, input_tokens=10, cached_tokens=4, output_tokens=3, cost_micro=2_500_000)
    for status in (500, 429, 499):
        asked(project, 1, status=status, input_tokens=1, cached_tokens=0, output_tokens=0, cost_micro=0)
    answer = ask(key(project, scopes=["usage.read"]))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    openapi.check(told, openapi.document()["components"]["schemas"][SHAPE])
    assert (told["object"], told["project"], told["hours"]) == ("analytics.metrics", project.public_id, 24)
    assert told["end_time"] - told["start_time"] == 24 * 3600
    assert told["events"] == {
        "total": 6,
        "names": 2,
        "by_name": [{"name": "page_view", "count": 5}, {"name": "cta", "count": 1}],
    }
    assert told["received"] == {
        "accepted": 6,
        "duplicates": 2,
        "rejected": 5,
        "rejected_by_reason": [{"reason": "unknown_event", "count": 4}, {"reason": "invalid_id", "count": 1}],
    }
    assert told["usage"] == {
        "requests": 4,
        "errors": {"failed": 1, "refused": 1, "hung_up": 1},
        "input_tokens": 13,
        "input_cached_tokens": 4,
        "output_tokens": 3,
        "cost": {"value": 2.5, "currency": "usd"},
    }


def test_where_nothing_happened_everything_is_nought(project: Project) -> None:
    told = ask(key(project)).json()
    openapi.check(told, openapi.document()["components"]["schemas"][SHAPE])
    assert told["events"] == {"total": 0, "names": 0, "by_name": []}
    assert told["received"] == {"accepted": 0, "duplicates": 0, "rejected": 0, "rejected_by_reason": []}
    assert (told["usage"]["requests"], told["usage"]["cost"]["value"]) == (0, 0.0)


def test_the_hours_truly_filter(project: Project) -> None:
    for hours in (0, 2, 50, 24 * 40, 24 * 365):
        happened(project, hours, {"accepted": 1}, page_view=1)
        asked(project, hours)
    for hours, number in ((1, 1), (2, 1), (3, 2), (51, 3), (24 * 40, 3), (24 * 40 + 1, 4), (8784, 5)):
        told = metrics(project, hours, HOUR_OF_NOW + HOUR / 2)
        assert (told["events"]["total"], told["received"]["accepted"], told["usage"]["requests"]) == (number,) * 3
    told = ask(key(project), "?hours=8784").json()
    assert (told["hours"], told["end_time"] - told["start_time"]) == (8784, 8784 * 3600)


def test_of_another_project_nothing_is_counted(project: Project, stranger: Project) -> None:
    colleague = Project.objects.create(organization=project.organization, name="Colleague's")
    for other in (stranger, colleague):
        happened(other, 0, {"accepted": 1}, page_view=1)
        asked(other, 0)
    told = ask(key(project)).json()
    assert (told["events"]["total"], told["received"]["accepted"], told["usage"]["requests"]) == (0, 0, 0)


def test_only_the_hundred_names_with_the_most_events_are_listed(project: Project) -> None:
    happened(project, 0, {}, **{f"name_{number:03}": number for number in range(1, 103)})
    events = ask(key(project)).json()["events"]
    assert (events["names"], len(events["by_name"])) == (102, 100)
    assert events["by_name"][0] == {"name": "name_102", "count": 102}
    assert events["by_name"][-1]["name"] == "name_003"


def test_it_reads_neither_events_nor_records_in_six_queries_at_most(project: Project) -> None:
    happened(project, 0, {"accepted": 1}, page_view=1)
    asked(project, 0)
    tables = (Event._meta.db_table, UsageRecord._meta.db_table, "analytics_rejectedevent")
    for hours in (1, 24, 8784):
        with CaptureQueriesContext(connection) as found:
            metrics(project, hours, timezone.now())
        assert len(found) <= 6
        assert not any(f'"{table}"' in query["sql"] for table in tables for query in found.captured_queries)


# What each caller is answered who asks about the default project.
CALLERS = {
    "owner": 200,
    "admin": 200,
    "member": 403,
    "viewer": 403,
    "viewer of the project": 200,
    "nobody's colleague": 400,
    "owner elsewhere": 404,
    "owner's admin key": 200,
    "member's admin key": 403,
    "admin key elsewhere": 404,
    "key": 200,
    "viewer's key": 200,
    "key without the scope": 403,
    "publishable key": 403,
    "key elsewhere": 404,
    "revoked key": 401,
    "wrong key": 401,
    "nobody": 401,
}


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_ask(project: Project, stranger: Project, caller: str) -> None:
    public = {"is_publishable": True, "origins": ["https://www.example.com"], "scopes": ["events.write"]}
    makers: dict[str, Callable[[], str]] = {
        "owner": lambda: person(project, "owner"),
        "admin": lambda: person(project, "admin"),
        "member": lambda: person(project, "member"),
        "viewer": lambda: person(project, "viewer"),
        "viewer of the project": lambda: person(project, "viewer", "viewer"),
        "nobody's colleague": lambda: person(project),
        "owner elsewhere": lambda: person(stranger, "owner"),
        "owner's admin key": lambda: key(project, is_admin=True),
        "member's admin key": lambda: lowered(key(project, is_admin=True)),
        "admin key elsewhere": lambda: key(stranger, is_admin=True),
        "key": lambda: key(project),
        "viewer's key": lambda: key(project, "viewer", scopes=["usage.read"]),
        "key without the scope": lambda: key(project, scopes=["model.read", "events.write"]),
        "publishable key": lambda: key(project, **public),
        "key elsewhere": lambda: key(stranger),
        "revoked key": lambda: revoked(key(project)),
        "wrong key": lambda: "sk-lukhas-unknown",
        "nobody": lambda: "",
    }
    answer = ask(makers[caller](), f"?project={project.public_id}")
    assert answer.status_code == CALLERS[caller], answer.content
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_people_and_admin_keys_name_the_project_and_nobody_gets_another_ones(project: Project) -> None:
    for token in (person(project, "owner"), key(project, is_admin=True)):
        answer = ask(token)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "project")
    colleague = Project.objects.create(organization=project.organization, name="Colleague's")
    assert ask(key(project), f"?project={colleague.public_id}").status_code == 404


@pytest.mark.parametrize(
    ("param", "values"),
    [
        ("hours", ["0", "-1", "8785", "1.5", "x", "٣", "1e3", "9" * 5000, "%00"]),
        ("project", ["%00"]),
        ("colour", ["1"]),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(project: Project, param: str, values: list[str]) -> None:
    token = key(project)
    for value in values:
        answer = ask(token, f"?{param}={value}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), value


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(project: Project, method: str) -> None:
    send = getattr(Client(), method)
    assert send(PATH, headers={"authorization": f"Bearer {key(project)}"}).status_code == 405
