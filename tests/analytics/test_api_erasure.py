"""DELETE /api/analytics/data."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.memo import callers
from accounts.models import AuditEvent, Project
from analytics.identities import identity
from analytics.keeping import keep
from analytics.models import Event
from tests import openapi
from tests.analytics.judged import entry
from tests.analytics.test_api_privacy import key, lowered, person, project, revoked, stranger, unhurried

__all__ = ["project", "stranger", "unhurried"]
pytestmark = pytest.mark.usefixtures("database")
PATH = "/api/analytics/data"


@pytest.fixture(autouse=True)
def events(project: Project) -> None:
    """Two events of ann's, in two sessions."""
    who = {name: identity(project.public_id, name) for name in ("s1", "s2", "ann")}
    keep([entry(n, project_id=project.public_id, session=who[f"s{n}"], person=who["ann"]) for n in (1, 2)])


def ask(token: str, query: str) -> Any:
    callers.forget()
    return Client().delete(f"{PATH}{query}", headers={"authorization": f"Bearer {token}"})


def kept() -> int:
    return Event.objects.filter(kept=True).count()


@pytest.mark.parametrize(("query", "left"), [("?session_id=s1", 1), ("?user_id=ann", 0), ("?session_id=s9", 2)])
def test_it_erases_and_says_how_much_there_was(project: Project, query: str, left: int) -> None:
    token = key(project, scopes=["events.erase"])
    for events in (2 - left, 0):
        answer = ask(token, query)
        assert answer.status_code == 200
        openapi.check(answer.json(), openapi.document()["components"]["schemas"]["AnalyticsDataDeleted"])
        assert answer.json()["events"] == events
    assert kept() == left
    assert AuditEvent.objects.filter(type="project.analytics_erased").count() == 2
    assert AuditEvent.objects.latest("pk").actor_kind == "service_account"


# What each caller is answered who asks to erase in the default project.
CALLERS = {
    "owner": 200,
    "admin": 200,
    "member": 403,
    "admin of the project": 200,
    "member of the project": 403,
    "owner elsewhere": 404,
    "owner's admin key": 200,
    "member's admin key": 403,
    "admin key elsewhere": 404,
    "key": 200,
    "key without the scope": 403,
    "member's key": 403,
    "publishable key": 403,
    "key elsewhere": 404,
    "revoked key": 401,
}


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_erase(project: Project, stranger: Project, caller: str) -> None:
    public = {"is_publishable": True, "origins": ["https://www.example.com"], "scopes": ["events.write"]}
    makers: dict[str, Callable[[], str]] = {
        "owner": lambda: person(project, "owner"),
        "admin": lambda: person(project, "admin"),
        "member": lambda: person(project, "member"),
        "admin of the project": lambda: person(project, "member", "admin"),
        "member of the project": lambda: person(project, "member", "member"),
        "owner elsewhere": lambda: person(stranger, "owner"),
        "owner's admin key": lambda: key(project, is_admin=True),
        "member's admin key": lambda: lowered(key(project, is_admin=True)),
        "admin key elsewhere": lambda: key(stranger, is_admin=True),
        "key": lambda: key(project),
        "key without the scope": lambda: key(project, scopes=["events.write"]),
        "member's key": lambda: key(project, "member"),
        "publishable key": lambda: key(project, **public),
        "key elsewhere": lambda: key(stranger),
        "revoked key": lambda: revoked(key(project)),
    }
    answer = ask(makers[caller](), f"?session_id=s1&project={project.public_id}")
    assert answer.status_code == CALLERS[caller], answer.content
    assert kept() == (1 if answer.status_code == 200 else 2)


def test_without_a_key_nothing_is_erased() -> None:
    assert Client().delete(f"{PATH}?session_id=s1").status_code == 401
    assert kept() == 2


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("", "missing_required_parameter", "session_id"),
        ("?session_id=", "missing_required_parameter", "session_id"),
        ("?session_id=s1&colour=1", "unknown_parameter", "colour"),
        ("?session_id=%00", "invalid_value", "session_id"),
    ],
)
def test_what_cannot_be_honoured_is_refused(project: Project, query: str, code: str, param: str) -> None:
    answer = ask(key(project), query)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert kept() == 2


@pytest.mark.parametrize("method", ["get", "post", "put", "patch"])
def test_it_only_deletes(project: Project, method: str) -> None:
    send = getattr(Client(), method)
    assert send(f"{PATH}?session_id=s1", headers={"authorization": f"Bearer {key(project)}"}).status_code == 405
