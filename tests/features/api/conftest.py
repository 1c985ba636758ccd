"""What the tests of /api/features share: everybody who may ask, and how each asks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from accounts.memo import callers
from accounts.models import ApiKey, Membership, Organization, Project, Role, ServiceAccount, Session, User
from features.models import Environment, Flag, FlagState, FlagsVersion
from tests.serving import Server

ORIGIN = "https://www.example.com"


@dataclass
class Asker:
    """Asks with this token, if with one."""

    url: str
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str = "", **rest: Any) -> httpx.Response:
        """`path` goes on after /api/features: `/dark-mode/evaluate`."""
        headers = {**self.headers, **rest.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return httpx.request(method, f"{self.url}/api/features{path}", headers=headers, timeout=30, **rest)

    def get(self, path: str = "", **rest: Any) -> httpx.Response:
        return self("GET", path, **rest)

    def post(self, path: str = "", body: Any = None, **rest: Any) -> httpx.Response:
        return self("POST", path, json=body, **rest)

    def patch(self, path: str, body: Any, **rest: Any) -> httpx.Response:
        return self("PATCH", path, json=body, **rest)

    def delete(self, path: str, **rest: Any) -> httpx.Response:
        return self("DELETE", path, **rest)


def error_of(answer: httpx.Response, status: int, code: str | None = None, param: str | None = None) -> str:
    """The message of an error with this status, code and place, in the envelope."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param), error
    assert (answer.headers.get("x-should-retry") == "false") is (status == 409)
    message: str = error["message"]
    assert message
    return message


@pytest.fixture(autouse=True)
def unhurried(settings: Any) -> Iterator[None]:
    """Room for many requests; and nobody remembered from test to test."""
    settings.LUKHAS_API_RATE = "100000/m"
    callers.forget()
    yield
    callers.forget()


AsPerson = Callable[..., Asker]
AsKey = Callable[..., Asker]


@pytest.fixture
def person(server: Server, organization: Organization) -> AsPerson:
    """Somebody with this role in the organisation, who signed in."""

    def make(role: Role | None = Role.ADMIN, home: Organization | None = None) -> Asker:
        name = f"person-{User.objects.count()}"
        user = User.objects.create_user(name, f"{name}@example.com")
        if role is not None:
            Membership.objects.create(user=user, organization=home or organization, role=role)
        opened = Session.begin(user, device="", address="")
        assert opened is not None
        return Asker(server.url, opened[1])

    return make


@pytest.fixture
def key(server: Server, project: Project) -> AsKey:
    """A key of a service account with this role in the project, the default one unless another is named."""

    def make(*scopes: str, role: Role = Role.OWNER, project: Project = project, **more: Any) -> Asker:
        account = ServiceAccount.objects.create(
            project=project, name=f"robot-{ServiceAccount.objects.count()}", role=role
        )
        more = {"project": project, "service_account": account, "scopes": list(scopes), **more}
        token = ApiKey.issue(name="k", organization=project.organization, **more)[1]
        return Asker(server.url, token, {"Origin": ORIGIN} if more.get("origins") else {})

    return make


@pytest.fixture
def admin_key(server: Server, organization: Organization) -> AsKey:
    """An admin key of somebody with this role in the organisation."""

    def make(role: Role = Role.OWNER, home: Organization | None = None) -> Asker:
        for _ in range(2):  # an organisation is not left without an owner
            name = f"keeper-{User.objects.count()}"
            user = User.objects.create_user(name, f"{name}@example.com")
            Membership.objects.create(user=user, organization=home or organization, role=Role.OWNER)
        token = ApiKey.issue(name="a", organization=home or organization, user=user, is_admin=True)[1]
        # Keys are not made for those who may not have them: these come down afterwards.
        Membership.objects.filter(user=user).update(role=role)
        return Asker(server.url, token)

    return make


@pytest.fixture
def admin(person: AsPerson) -> Asker:
    return person(Role.ADMIN)


@pytest.fixture
def staging(environment: Environment) -> Environment:
    return Environment.objects.create(organization=environment.organization, key="staging")


@pytest.fixture
def protected(environment: Environment) -> Environment:
    """`production`, protected."""
    environment.protected = True
    environment.save()
    return environment


def everything() -> Any:
    """All that there is of flags: to be the same after what is refused."""
    return (
        FlagsVersion.current(),
        list(Flag.objects.order_by("pk").values()),
        list(FlagState.objects.order_by("pk").values()),
    )
