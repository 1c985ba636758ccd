"""GET /api/analytics/privacy."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.bootstrap import ensure_defaults
from accounts.memo import callers
from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, ServiceAccount, Session, User
from analytics.identities import identity
from analytics.models import AnalyticsPolicy, IdentitySalt
from tests import openapi

pytestmark = pytest.mark.usefixtures("database")
PATH = "/api/analytics/privacy"
ORIGIN = "https://www.example.com"

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def unhurried(settings: Any) -> None:
    settings.LUKHAS_API_RATE = "100000/m"


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def stranger(project: Project) -> Project:
    away = Organization.objects.create(slug="away", name="Away")
    return Project.objects.create(organization=away, name="Theirs")


def key(project: Project, role: str = "owner", **fields: Any) -> str:
    account = ServiceAccount.objects.create(
        project=project, name=f"r{ServiceAccount.objects.count()}", role=role, organization_role=role
    )
    if not fields.get("is_admin"):
        fields["project"] = project
    return ApiKey.issue(name="k", organization=project.organization, service_account=account, **fields)[1]


def person(project: Project, role: str = "", in_project: str = "") -> str:
    """The session of somebody with these roles."""
    user = User.objects.create_user(f"p{User.objects.count()}", f"p{User.objects.count()}@example.com")
    if role:
        member = Membership.objects.create(user=user, organization=project.organization, role=role)
        if in_project:
            ProjectMembership.objects.create(membership=member, project=project, role=in_project)
    opened = Session.begin(user, device="", address="")
    assert opened is not None
    return opened[1]


def ask(token: str, query: str = "", **headers: str) -> Any:
    callers.forget()
    return Client().get(f"{PATH}{query}", headers={"authorization": f"Bearer {token}", **headers})


def test_it_states_what_is_done_with_the_events_of_the_keys_project(project: Project) -> None:
    answer = ask(key(project, scopes=["model.read"]))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.json()
    openapi.check(said, openapi.document()["components"]["schemas"]["AnalyticsPrivacy"])
    assert said["project"] == project.public_id
    assert said["policy"] == {
        "admits_unknown": False,
        "honours_dnt": True,
        "honours_gpc": True,
        "requires_consent": False,
        "keeps_raw": True,
    }
    assert said["redaction"]["marks"] == [f"[{kind}_REDACTED]" for kind in ("CARD", "EMAIL", "IP", "PHONE", "SSN")]
    assert "email" in said["redaction"]["forbidden_properties"]
    assert said["addresses"] == {"ipv4_prefix": 24, "ipv6_prefix": 48}
    assert said["identities"]["since"] is None


def test_it_follows_the_settings_the_policy_and_data_retention(project: Project, settings: Any) -> None:
    token = key(project)
    settings.LUKHAS_FORBIDDEN_PROPERTIES = ["zip", "city"]
    AnalyticsPolicy.objects.create(project=project, honours_dnt=False, admits_unknown=True)
    said = ask(token).json()
    assert said["redaction"]["forbidden_properties"] == ["city", "zip"]
    assert (said["policy"]["honours_dnt"], said["policy"]["admits_unknown"]) == (False, True)
    AnalyticsPolicy.objects.update(keeps_raw=False)
    assert ask(token).json()["policy"]["keeps_raw"] is False


def test_it_says_since_when_identities_are_what_they_are_and_nothing_secret(project: Project, settings: Any) -> None:
    identity(project.public_id, "ann")
    answer = ask(key(project))
    salted = IdentitySalt.objects.get()
    assert answer.json()["identities"]["since"] == int(salted.since.timestamp())
    assert salted.salt not in answer.content.decode()
    assert settings.SECRET_KEY not in answer.content.decode()


def test_a_page_may_tell_its_readers_with_a_publishable_key(project: Project) -> None:
    token = key(project, is_publishable=True, origins=[ORIGIN], scopes=["events.write"])
    assert ask(token, Origin=ORIGIN).json()["project"] == project.public_id
    assert ask(token, Origin="https://evil.example").status_code == 403


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
    "key elsewhere": 404,
    "revoked key": 401,
    "wrong key": 401,
}


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_ask(project: Project, stranger: Project, caller: str) -> None:
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
        "viewer's key": lambda: key(project, "viewer", scopes=["model.read"]),
        "key elsewhere": lambda: key(stranger),
        "revoked key": lambda: revoked(key(project)),
        "wrong key": lambda: "sk-lukhas-unknown",
    }
    answer = ask(makers[caller](), f"?project={project.public_id}")
    assert answer.status_code == CALLERS[caller], answer.content
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def lowered(token: str) -> str:
    """Keys are not made for those who may not have them: this one's owner comes down afterwards."""
    ServiceAccount.objects.update(organization_role="member")
    return token


def revoked(token: str) -> str:
    ApiKey.objects.latest("pk").revoke()
    return token


def test_without_a_key_nothing_is_told(database: None) -> None:
    assert Client().get(PATH).status_code == 401


def test_people_and_admin_keys_name_the_project_and_nobody_gets_another_ones(project: Project) -> None:
    for token in (person(project, "owner"), key(project, is_admin=True)):
        answer = ask(token)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "project")
    colleague = Project.objects.create(organization=project.organization, name="Colleague's")
    assert ask(key(project), f"?project={colleague.public_id}").status_code == 404


@pytest.mark.parametrize(("query", "code"), [("?colour=1", "unknown_parameter"), ("?project=%00", "invalid_value")])
def test_a_query_that_cannot_be_honoured_is_refused(project: Project, query: str, code: str) -> None:
    answer = ask(key(project), query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(project: Project, method: str) -> None:
    send = getattr(Client(), method)
    assert send(PATH, headers={"authorization": f"Bearer {key(project)}"}).status_code == 405
