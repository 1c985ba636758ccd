"""What the tests of accounts share: organisation, project, people, keys, and a clock that can be moved."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.audit.context import nobody_acts
from accounts.bootstrap import ensure_defaults
from accounts.memo import callers
from accounts.models import ApiKey, Membership, Organization, Project, Role, ServiceAccount, User
from tests.accounts.server_postgres import migrated, postgres, server_of_postgres
from tests.api.organization.conftest import elsewhere, world

__all__ = ["elsewhere", "migrated", "postgres", "server_of_postgres", "world"]

Issue = Callable[..., tuple[ApiKey, str]]


@pytest.fixture
def organization(database: None) -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def account(project: Project) -> ServiceAccount:
    return ServiceAccount.objects.create(project=project, name="robot", role=Role.OWNER, organization_role=Role.OWNER)


@pytest.fixture
def user(database: None) -> User:
    return User.objects.create_user("ada", "ada@example.com")


@pytest.fixture
def founder(organization: Organization) -> User:
    """Another owner of the organisation, so that it has one whatever becomes of others."""
    founder = User.objects.create_user("founder", "founder@example.com")
    Membership.objects.create(user=founder, organization=organization, role=Role.OWNER)
    return founder


@pytest.fixture
def issue(project: Project, account: ServiceAccount) -> Issue:
    """Makes a key of the service account, unless told otherwise: returns the key and its text.

    A user who is not of the organisation becomes an owner of it.
    """

    def make(**fields: Any) -> tuple[ApiKey, str]:
        if "user" not in fields:
            fields.setdefault("service_account", account)
        else:
            home = fields.get("organization", project.organization)
            Membership.objects.get_or_create(user=fields["user"], organization=home, defaults={"role": Role.OWNER})
        if not fields.get("is_admin"):
            fields.setdefault("project", project)
        fields.setdefault("organization", project.organization)
        return ApiKey.issue(name=fields.pop("name", "a key"), **fields)

    return make


@pytest.fixture
def staff(database: None) -> Client:
    """A browser in which a superuser has signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    return client


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Measures the age of what the process's memo of callers holds."""
    clock = Clock()
    monkeypatch.setattr(callers, "clock", clock)
    return clock


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Each test begins and ends with nobody remembered, and nobody acting."""
    callers.forget()
    nobody_acts()
    yield
    callers.forget()
    nobody_acts()
