"""/v1/organization/admin_api_keys."""

from typing import Any

import httpx
import openai
import pytest

from accounts.exceptions import KeyInvalid
from accounts.models import ApiKey, Membership, ServiceAccount
from accounts.roles import Role
from api.administration.api_keys import issue_admin_key
from tests.api.organization.conftest import Http, Sdk, World, error_of


def test_an_admin_key_is_made_shown_once_and_works(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    keys = admin.admin.organization.admin_api_keys
    made = keys.create(name="automation", expires_in_seconds=3600)
    assert made.value.startswith("sk-admin-lukhas-")
    assert made.expires_at is not None
    assert 3595 <= made.expires_at - made.created_at <= 3605
    assert (made.owner.type, made.owner.object, made.owner.role) == ("user", "organization.user", "owner")
    assert (made.owner.id, made.owner.name) == (world.owner.public_id, "Ada ours")
    assert make_sdk(admin_api_key=made.value).admin.organization.projects.list().data
    found = keys.retrieve(made.id)
    assert made.value not in found.model_dump_json()
    assert found.redacted_value == f"{made.value[:20]}...{made.value[-4:]}"
    assert found.model_dump(exclude={"last_used_at"}) == made.model_dump(exclude={"value", "last_used_at"})


def test_admin_keys_are_listed_in_either_order(admin: openai.OpenAI, world: World) -> None:
    keys = admin.admin.organization.admin_api_keys
    second = keys.create(name="second")
    assert [key.id for key in keys.list()] == [world.admin_key.public_id, second.id]
    assert [key.id for key in keys.list(order="desc")] == [second.id, world.admin_key.public_id]
    assert [key.id for key in keys.list(limit=1, order="desc")] == [second.id, world.admin_key.public_id]


def test_a_deleted_admin_key_fails_at_once_even_the_one_in_use(
    admin: openai.OpenAI, make_sdk: Sdk, world: World
) -> None:
    keys = admin.admin.organization.admin_api_keys
    made = keys.create(name="short-lived")
    other = make_sdk(admin_api_key=made.value)
    gone = other.admin.organization.admin_api_keys.delete(made.id)
    assert (gone.object, gone.id, gone.deleted) == ("organization.admin_api_key.deleted", made.id, True)
    with pytest.raises(openai.AuthenticationError):
        other.admin.organization.admin_api_keys.list()
    assert [key.id for key in keys.list()] == [world.admin_key.public_id]
    with pytest.raises(openai.NotFoundError):
        keys.retrieve(made.id)


def test_a_key_that_a_program_asks_for_belongs_to_the_program(http: Http, world: World) -> None:
    program = ServiceAccount.objects.create(
        project=world.project, name="terraform", role=Role.OWNER, organization_role=Role.OWNER
    )
    token = ApiKey.issue(name="t", organization=world.organization, service_account=program, is_admin=True)[1]
    made = http(token).post("/admin_api_keys", json={"name": "child"}).json()
    assert made["owner"]["type"] == "service_account"
    assert made["owner"]["object"] == "organization.project.service_account"
    assert (made["owner"]["id"], made["owner"]["name"]) == (program.public_id, "terraform")
    assert made["owner"]["role"] == "owner"


def test_an_owner_who_is_none_any_more_is_shown_as_such(api: httpx.Client, world: World) -> None:
    other = world.admin()
    key = ApiKey.objects.get(last_four=other[-4:], is_admin=True)
    Membership.objects.filter(user=key.user).delete()
    assert api.get(f"/admin_api_keys/{key.public_id}").json()["owner"]["role"] == "none"


def test_a_key_that_was_revoked_in_the_meantime_makes_no_other(world: World) -> None:
    world.admin_key.revoke()
    with pytest.raises(KeyInvalid):
        issue_admin_key(world.organization.public_id, world.admin_key.public_id, "late", lifetime=None)


def test_a_key_of_a_project_is_no_admin_key(api: httpx.Client, world: World) -> None:
    assert error_of(api.get(f"/admin_api_keys/{world.key.public_id}"), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": "x", "expires_in_seconds": 31_536_001}, "integer_above_max_value", "expires_in_seconds"),
        ({"name": "x", "expires_in_seconds": -1}, "integer_below_min_value", "expires_in_seconds"),
        ({"name": "x", "expires_in_seconds": 1.5}, "invalid_type", "expires_in_seconds"),
        ({"name": "x", "scopes": ["*"]}, "unknown_parameter", "scopes"),
        ({"name": "x", "owner": "user-other"}, "unknown_parameter", "owner"),
        ({"name": "x", "organization": "org-other"}, "unknown_parameter", "organization"),
        ({"name": "x", "value": "sk-admin-mine"}, "unknown_parameter", "value"),
    ],
)
def test_an_admin_key_cannot_be_made_to_be_more(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    error = error_of(api.post("/admin_api_keys", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert ApiKey.objects.count() == 2
