"""Who may do what under /api/experiments: every endpoint, for everybody who may ask."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Organization, Project
from tests import openapi
from tests.analytics.asking import ask, everything
from tests.analytics.experimental import home, make, make_flag
from tests.analytics.test_api_privacy import key, lowered, person, revoked, unhurried

__all__ = ["unhurried"]
pytestmark = pytest.mark.usefixtures("database")
FLAGS = ["flags.read", "flags.write"]
PUBLIC = {"is_publishable": True, "origins": ["https://www.example.com"], "scopes": ["flags.read"]}
GOOD = {"name": "New", "flag": "green", "metric": "event_rate", "event": "cta_clicked", "control": "off"}

# What each caller is answered where they ask to read, and where they ask to write.
CALLERS: dict[str, tuple[int, int]] = {
    "owner": (200, 200),
    "admin": (200, 200),
    "member": (200, 403),
    "viewer": (200, 403),
    "owner elsewhere": (404, 404),
    "nobody's colleague": (400, 400),
    "owner's admin key": (200, 200),
    "member's admin key": (403, 403),
    "admin key elsewhere": (404, 404),
    "key": (200, 200),
    "reading key": (200, 403),
    "writing key": (403, 200),
    "other key": (403, 403),
    "viewer's key": (200, 403),
    "publishable key": (403, 403),
    "key elsewhere": (404, 404),
    "revoked key": (401, 401),
    "no key": (401, 401),
}


def token_of(caller: str, project: Project) -> str:
    """The key or the session of one of CALLERS."""

    def away() -> Project:
        organization = Organization.objects.create(slug="away", name="Away")
        return Project.objects.create(organization=organization, name="Theirs")

    makers: dict[str, Callable[[], str]] = {
        "owner": lambda: person(project, "owner"),
        "admin": lambda: person(project, "admin"),
        "member": lambda: person(project, "member"),
        "viewer": lambda: person(project, "viewer"),
        "owner elsewhere": lambda: person(away(), "owner"),
        "nobody's colleague": lambda: person(project),
        "owner's admin key": lambda: key(project, is_admin=True),
        "member's admin key": lambda: lowered(key(project, is_admin=True)),
        "admin key elsewhere": lambda: key(away(), is_admin=True),
        "key": lambda: key(project, scopes=FLAGS),
        "reading key": lambda: key(project, scopes=["flags.read"]),
        "writing key": lambda: key(project, scopes=["flags.write"]),
        "other key": lambda: key(project, scopes=["model.read", "usage.read"]),
        "viewer's key": lambda: key(project, "viewer", scopes=FLAGS),
        "publishable key": lambda: key(project, **PUBLIC),
        "key elsewhere": lambda: key(away(), scopes=FLAGS),
        "revoked key": lambda: revoked(key(project, scopes=FLAGS)),
        "no key": lambda: "",
    }
    assert set(makers) == set(CALLERS)
    return makers[caller]()


# Method, path and body of each operation, and whether it writes.
DEEDS: dict[str, tuple[str, str, Any, bool]] = {
    "listExperiments": ("get", "", None, False),
    "retrieveExperiment": ("get", "/{id}", None, False),
    "retrieveExperimentResults": ("get", "/{id}/results", None, False),
    "createExperiment": ("post", "", GOOD, True),
    "updateExperiment": ("patch", "/{id}", {"name": "Mine"}, True),
    "deleteExperiment": ("delete", "/{id}", None, True),
}
OF_STRANGERS = {"listExperiments": 200, "createExperiment": 400}
"""What is answered about no single experiment: strangers see their own, and have no such flag."""


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may(caller: str) -> None:
    project = home()[1]
    experiment = make(make_flag())
    token = token_of(caller, project)
    for name, (method, path, body, writes) in DEEDS.items():
        expected = CALLERS[caller][writes]
        if expected == 404:
            expected = OF_STRANGERS.get(name, 404)
        before = everything()
        answer = ask(token, method, path.format(id=experiment.public_id), body)
        assert answer.status_code == (201 if (name, expected) == ("createExperiment", 200) else expected), name
        assert (everything() == before) is (not writes or expected != 200)
        assert expected == 200 or "Green" not in answer.content.decode()
        if (name, expected) == ("listExperiments", 200):
            assert bool(answer.json()["data"]) is ("elsewhere" not in caller)


def test_the_matrix_has_every_operation_of_the_document() -> None:
    found = {each["operationId"] for _, path, each in openapi.operations() if path.startswith("/api/experiments")}
    assert found == set(DEEDS)
