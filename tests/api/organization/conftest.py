"""What the tests of the Admin API share: two organisations, what each has, and the official SDK with an admin key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Invite, Membership, Organization, Project, ServiceAccount, SpendAlert, User
from accounts.roles import Role
from tests.beginnings import Beginnings
from tests.serving import Server


@dataclass
class World:
    """An organisation with one object of each kind, and an admin key of its owner."""

    organization: Organization
    project: Project
    owner: User
    member: User
    account: ServiceAccount
    key: ApiKey
    token: str
    admin_key: ApiKey
    admin_token: str
    organization_alert: SpendAlert
    project_alert: SpendAlert
    invite: Invite

    def admin(self, role: Role = Role.OWNER, **fields: Any) -> str:
        """The text of a new admin key of a new user with this role."""
        user = User.objects.create_user(f"{role}-{User.objects.count()}", f"{role}{User.objects.count()}@example.com")
        Membership.objects.create(user=user, organization=self.organization, role=Role.OWNER)
        token = ApiKey.issue(name=f"of {role}", organization=self.organization, user=user, is_admin=True, **fields)[1]
        # Keys are not made for those who may not have them: these come down afterwards.
        Membership.objects.filter(user=user).update(role=role)
        return token


def furnish(organization: Organization, name: str) -> World:
    """An organisation's objects, beside its default project."""
    owner = User.objects.create_user(f"owner-{name}", f"owner@{name}.example.com", first_name="Ada", last_name=name)
    Membership.objects.create(user=owner, organization=organization, role=Role.OWNER)
    member = User.objects.create_user(f"member-{name}", f"member@{name}.example.com")
    Membership.objects.create(user=member, organization=organization, role=Role.MEMBER)
    project = Project.objects.create(organization=organization, name=f"{name} search")
    account = ServiceAccount.objects.create(project=project, name="indexer")
    key, token = ApiKey.issue(name="k1", organization=organization, project=project, service_account=account)
    admin_key, admin_token = ApiKey.issue(name="a1", organization=organization, user=owner, is_admin=True)
    alerts = [
        SpendAlert.objects.create(**scope, threshold=25, recipients=[f"alerts@{name}.example.com"])
        for scope in ({"organization": organization}, {"project": project})
    ]
    invite = Invite.issue(organization, f"guest@{name}.example.com", Role.VIEWER)[0]
    people = (owner, member)
    return World(organization, project, *people, account, key, token, admin_key, admin_token, *alerts, invite)


@pytest.fixture
def world(database: None, beginnings: Beginnings) -> World:
    return beginnings.begin("ours", lambda: furnish(ensure_defaults()[0], "ours"))


@pytest.fixture
def elsewhere(database: None, beginnings: Beginnings) -> World:
    """Another organisation on the same server."""

    def make() -> World:
        organization = Organization.objects.create(slug="elsewhere", name="Elsewhere")
        Project.objects.create(organization=organization, name="Default project", is_default=True)
        return furnish(organization, "theirs")

    return beginnings.begin("theirs", make)


def absolute(path: str) -> str:
    """A path of the Admin API from the root: what does not begin with /v1 is below /v1/organization."""
    return path if path.startswith("/v1/") else f"/v1/organization{path}"


class AdminClient(httpx.Client):
    """Its paths are those that `absolute` takes."""

    def build_request(self, method: str, url: httpx.URL | str, **rest: Any) -> httpx.Request:
        return super().build_request(method, absolute(str(url)), **rest)


Http = Callable[[str], httpx.Client]


@pytest.fixture
def http(server: Server) -> Iterator[Http]:
    """An HTTP client with this key; with an empty one, without any."""
    clients = []

    def make(token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        clients.append(AdminClient(base_url=server.url, headers=headers, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def api(http: Http, world: World) -> httpx.Client:
    """An HTTP client with the admin key of our owner."""
    return http(world.admin_token)


Sdk = Callable[..., openai.OpenAI]


@pytest.fixture
def make_sdk(server: Server) -> Iterator[Sdk]:
    """The official SDK, strict: an answer that is not of the specification's shape raises."""
    clients = []

    def make(**keys: str) -> openai.OpenAI:
        client = openai.OpenAI(
            base_url=f"{server.url}/v1",
            **{"api_key": "unused", **keys},
            max_retries=0,
            timeout=30,
            _strict_response_validation=True,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def admin(make_sdk: Sdk, world: World) -> openai.OpenAI:
    """The SDK with the admin key of our owner."""
    return make_sdk(admin_api_key=world.admin_token)


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error object of an answer with this status, in OpenAI's envelope."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error
