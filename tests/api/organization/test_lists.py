"""Lists of the Admin API: their pages, their cursors, and what they cost."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.memo import callers
from accounts.models import ApiKey, Invite, Membership, Project, ProjectMembership, ServiceAccount, SpendAlert, User
from accounts.roles import Role
from api.models import Model, Upstream
from api.pagination import Cursor, page_of
from tests.api.organization.conftest import World, absolute, error_of
from tests.api.organization.endpoints import path

SIZE = 5


def add_projects(world: World, at: int) -> None:
    Project.objects.create(organization=world.organization, name=f"p{at}")


def add_accounts(world: World, at: int) -> None:
    ServiceAccount.objects.create(project=world.project, name=f"s{at}")


def add_keys(world: World, at: int) -> None:
    """In turns of a program's and of a person's, each a new one."""
    if at % 2:
        owner: dict[str, Any] = {"service_account": ServiceAccount.objects.create(project=world.project, name=f"s{at}")}
    else:
        owner = {"user": member(world, f"u{at}")}
    ApiKey.issue(name=f"k{at}", organization=world.organization, project=world.project, **owner)


def add_admin_keys(world: World, at: int) -> None:
    ApiKey.issue(name=f"a{at}", organization=world.organization, user=member(world, f"u{at}"), is_admin=True)


def add_models(world: World, at: int) -> None:
    Model.objects.create(model_id=f"m{at}", upstream=Upstream.objects.get(name="echo"))


def add_alerts(world: World, at: int) -> None:
    for scope in ({"organization": world.organization}, {"project": world.project}):
        SpendAlert.objects.create(**scope, threshold=at, recipients=["finance@example.com"])


def add_users(world: World, at: int) -> None:
    ApiKey.issue(name=f"k{at}", organization=world.organization, project=world.project, user=member(world, f"u{at}"))


def add_project_users(world: World, at: int) -> None:
    membership = Membership.objects.get(user=member(world, f"u{at}"))
    ProjectMembership.objects.create(membership=membership, project=world.project, role=Role.VIEWER)


def add_invites(world: World, at: int) -> None:
    Invite.issue(
        world.organization, f"i{at}@example.com", Role.VIEWER, [{"id": world.project.public_id, "role": "member"}]
    )


def member(world: World, name: str) -> User:
    user = User.objects.create_user(name, f"{name}@example.com")
    Membership.objects.create(user=user, organization=world.organization, role=Role.OWNER)
    return user


Add = Callable[[World, int], None]
LISTS: dict[str, tuple[Add, int]] = {
    "projects": (add_projects, 1),
    "users": (add_users, 1),
    "invites": (add_invites, 1),
    "project-users": (add_project_users, 2),
    "service-accounts": (add_accounts, 2),
    "project-api-keys": (add_keys, 2),
    "admin-api-keys": (add_admin_keys, 1),
    "audit-logs": (add_projects, 1),
    "organization-spend-alerts": (add_alerts, 2),
    "project-spend-alerts": (add_alerts, 2),
    "rate-limits": (add_models, 7),
}
"""How each grows, and how many queries a page takes, however long it is: for the project, the list, and, for rate
limits, the five of the catalog; for alerts, what they are of."""
every_list = pytest.mark.parametrize("name", LISTS)


@pytest.fixture
def grown(world: World, name: str) -> World:
    for at in range(SIZE):
        LISTS[name][0](world, at)
    return world


def ids_of(page: dict[str, Any]) -> list[str]:
    """The ids of a page, after a look at its envelope."""
    assert set(page) == {"object", "data", "first_id", "last_id", "has_more"}
    ids = [each["id"] for each in page["data"]]
    assert page["object"] == "list"
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return ids


@every_list
def test_a_list_is_read_page_by_page_without_gap_or_repetition(name: str, api: httpx.Client, grown: World) -> None:
    url = path(name, grown)
    whole = ids_of(api.get(url, params={"limit": 100}).json())
    assert len(whole) >= SIZE
    found: list[str] = []
    after = ""
    for _ in range(len(whole)):
        page = api.get(url, params={"limit": 2, "after": after}).json()
        found += ids_of(page)
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert found == whole
    end = api.get(url, params={"after": whole[-1]}).json()
    assert (ids_of(end), end["has_more"]) == ([], False)


@pytest.mark.parametrize("name", ["audit-logs", "rate-limits", "organization-spend-alerts", "project-spend-alerts"])
def test_a_list_is_read_backwards(name: str, api: httpx.Client, grown: World) -> None:
    url = path(name, grown)
    whole = ids_of(api.get(url, params={"limit": 100}).json())
    page = api.get(url, params={"limit": 2, "before": whole[4]}).json()
    assert (ids_of(page), page["has_more"]) == (whole[2:4], True)
    page = api.get(url, params={"limit": 2, "before": whole[2]}).json()
    assert (ids_of(page), page["has_more"]) == (whole[:2], False)
    between = api.get(url, params={"after": whole[0], "before": whole[4]}).json()
    assert (ids_of(between), between["has_more"]) == (whole[1:4], False)


def test_admin_keys_are_read_page_by_page_from_the_newest_on_too(api: httpx.Client, world: World) -> None:
    for at in range(SIZE):
        add_admin_keys(world, at)
    whole = ids_of(api.get("/admin_api_keys").json())
    page = api.get("/admin_api_keys", params={"order": "desc", "limit": 4}).json()
    assert (ids_of(page), page["has_more"]) == (whole[:1:-1], True)
    page = api.get("/admin_api_keys", params={"order": "desc", "after": page["last_id"]}).json()
    assert (ids_of(page), page["has_more"]) == (whole[1::-1], False)
    assert error_of(api.get("/admin_api_keys", params={"order": "sideways"}), 400)["param"] == "order"


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"limit": "0"}, "integer_below_min_value", "limit"),
    ({"limit": "101"}, "integer_above_max_value", "limit"),
    ({"limit": "-5"}, "integer_below_min_value", "limit"),
    ({"limit": "9" * 30}, "invalid_type", "limit"),
    ({"limit": "ten"}, "invalid_type", "limit"),
    ({"limit": "1.0"}, "invalid_type", "limit"),
    ({"limit": "٣"}, "invalid_type", "limit"),
    ({"limit": "-"}, "invalid_type", "limit"),
    ({"after": "nothing"}, "invalid_value", "after"),
    ({"after": "a\x00b"}, "invalid_value", "after"),
    ({"after": "\u2028"}, "invalid_value", "after"),
    ({"after": "x" * 5000}, "invalid_value", "after"),
    ({"offset": "1"}, "unknown_parameter", "offset"),
    ({"organization_id": "org-other"}, "unknown_parameter", "organization_id"),
]


@every_list
def test_what_is_no_page_is_refused_by_name(name: str, api: httpx.Client, world: World) -> None:
    for params, code, param in WRONG:
        error = error_of(api.get(path(name, world), params=params), 400)
        assert (error["code"], error["param"]) == (code, param), params
        assert len(error["message"]) < 300


@every_list
def test_an_object_of_another_list_is_no_cursor(name: str, api: httpx.Client, world: World, elsewhere: World) -> None:
    theirs = {
        "projects": elsewhere.project.public_id,
        "users": elsewhere.member.public_id,
        "invites": elsewhere.invite.public_id,
        "project-users": elsewhere.member.public_id,
        "service-accounts": elsewhere.account.public_id,
        "project-api-keys": elsewhere.key.public_id,
        "admin-api-keys": elsewhere.admin_key.public_id,
        "organization-spend-alerts": world.project_alert.public_id,
        "project-spend-alerts": elsewhere.project_alert.public_id,
    }
    cursor = theirs.get(name, world.organization.public_id)
    assert error_of(api.get(path(name, world), params={"after": cursor}), 400)["code"] == "invalid_value"


@every_list
def test_a_list_costs_the_same_queries_however_long_it_is(name: str, world: World) -> None:
    client = Client(headers={"Authorization": f"Bearer {world.admin_token}"})
    url = f"{absolute(path(name, world))}?limit=100"
    add, expected = LISTS[name]
    for round in range(2):
        for at in range(SIZE * round, SIZE * (round + 1)):
            add(world, at)
        callers.forget()
        assert client.get(url).status_code == 200  # remembers the caller
        with CaptureQueriesContext(connection) as captured:
            assert len(client.get(url).json()["data"]) >= SIZE
        statements = [each["sql"] for each in captured.captured_queries]
        assert len(statements) == expected, statements


def test_an_empty_list_has_no_first_and_no_last() -> None:
    assert page_of([], Cursor()) == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
