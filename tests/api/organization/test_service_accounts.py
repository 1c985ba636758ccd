"""/v1/organization/projects/{project_id}/service_accounts, and the keys made there."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from django.db import IntegrityError

from accounts.models import ApiKey, ServiceAccount
from accounts.roles import Role
from accounts.scopes import DEFAULT_SCOPES
from api.administration.rows import made
from api.exceptions import Conflict
from tests.api.organization.conftest import Http, Sdk, World, error_of


def test_a_service_account_comes_with_a_key_that_works(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    accounts = admin.admin.organization.projects.service_accounts
    made = accounts.create(world.project.public_id, name="robot")
    assert (made.object, made.name, made.role) == ("organization.project.service_account", "robot", "member")
    assert made.api_key is not None
    assert made.api_key.value.startswith("sk-lukhas-")
    assert made.api_key.name == "Secret Key"
    assert made.api_key.expires_at is None
    assert make_sdk(api_key=made.api_key.value).models.list().data
    key = ApiKey.objects.get(public_id=made.api_key.id)
    assert key.service_account is not None
    assert key.service_account.public_id == made.id
    assert set(key.scopes) == set(DEFAULT_SCOPES)


def test_the_value_of_a_key_is_shown_once_and_travels_in_the_clear_of_no_cache(api: httpx.Client, world: World) -> None:
    url = f"/projects/{world.project.public_id}/service_accounts"
    response = api.post(url, json={"name": "x" * 200}, headers={"Accept-Encoding": "gzip"})
    assert response.headers["cache-control"] == "no-store"
    assert "content-encoding" not in response.headers
    token = response.json()["api_key"]["value"]
    keys = f"/projects/{world.project.public_id}/api_keys"
    for path in (url, f"{url}/{response.json()['id']}", keys, f"{keys}/{response.json()['api_key']['id']}"):
        assert token not in api.get(path).text


def test_a_service_account_may_be_made_without_a_key_and_then_has_no_role(
    admin: openai.OpenAI, world: World, api: httpx.Client
) -> None:
    accounts = admin.admin.organization.projects.service_accounts
    made = accounts.create(world.project.public_id, name="bare", create_service_account_only=True)
    assert (made.api_key, made.role) == (None, "none")
    assert not ApiKey.objects.filter(service_account__public_id=made.id).exists()
    keys = f"/projects/{world.project.public_id}/service_accounts/{made.id}/api_keys"
    assert "has no role" in error_of(api.post(keys, json={}), 400)["message"]
    assert accounts.update(made.id, project_id=world.project.public_id, role="member").role == "member"
    assert api.post(keys, json={}).status_code == 200


def test_the_first_key_may_be_one_that_expires(admin: openai.OpenAI, world: World, api: httpx.Client) -> None:
    accounts = admin.admin.organization.projects.service_accounts
    made = accounts.create(world.project.public_id, name="brief", expires_in_seconds=60)
    assert made.api_key is not None
    assert made.api_key.expires_at is not None
    assert 55 <= made.api_key.expires_at - made.api_key.created_at <= 65
    body = {"name": "none", "create_service_account_only": True, "expires_in_seconds": 60}
    error = error_of(api.post(f"/projects/{world.project.public_id}/service_accounts", json=body), 400)
    assert (error["code"], error["param"]) == ("invalid_value", "expires_in_seconds")


def test_service_accounts_are_listed_retrieved_changed_and_deleted(admin: openai.OpenAI, world: World) -> None:
    accounts, project = admin.admin.organization.projects.service_accounts, world.project.public_id
    first = accounts.retrieve(world.account.public_id, project_id=project)
    assert (first.name, first.role) == ("indexer", "member")
    second = accounts.create(project, name="second")
    assert [each.id for each in accounts.list(project)] == [first.id, second.id]
    renamed = accounts.update(first.id, project_id=project, name="crawler", role="owner")
    assert (renamed.name, renamed.role) == ("crawler", "owner")
    assert accounts.update(first.id, project_id=project, name="crawler", role="owner") == renamed
    gone = accounts.delete(first.id, project_id=project)
    assert (gone.id, gone.deleted) == (first.id, True)
    assert [each.id for each in accounts.list(project)] == [second.id]
    with pytest.raises(openai.NotFoundError):
        accounts.delete(first.id, project_id=project)


def test_the_keys_of_a_deleted_service_account_fail_at_once(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    caller = make_sdk(api_key=world.token)
    assert caller.models.list().data
    accounts = admin.admin.organization.projects.service_accounts
    accounts.delete(world.account.public_id, project_id=world.project.public_id)
    with pytest.raises(openai.AuthenticationError):
        caller.models.list()


def test_a_name_that_is_taken_is_a_conflict_that_no_retry_cures(api: httpx.Client, world: World) -> None:
    url = f"/projects/{world.project.public_id}/service_accounts"
    other = api.post(url, json={"name": "other"}).json()["id"]
    for path in (url, f"{url}/{other}"):
        response = api.post(path, json={"name": "indexer"})
        error = error_of(response, 409)
        assert (error["code"], error["param"]) == ("name_taken", "name")
        assert response.headers["x-should-retry"] == "false"
    assert ServiceAccount.objects.filter(name="indexer").count() == 1


def test_of_many_who_ask_for_one_name_at_once_one_gets_it(http: Http, world: World) -> None:
    url = f"/projects/{world.project.public_id}/service_accounts"
    clients = [http(world.admin_token) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.post(url, json={"name": "one"}), clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert ServiceAccount.objects.filter(name="one").count() == 1
    assert ApiKey.objects.filter(service_account__name="one").count() == 1


def test_whoever_is_a_little_too_late_gets_a_conflict_too(world: World) -> None:
    def make() -> None:
        raise IntegrityError("UNIQUE constraint failed")

    with pytest.raises(Conflict) as told:
        made(make)
    assert told.value.headers == {"x-should-retry": "false"}


def test_the_same_name_may_be_used_in_another_project(api: httpx.Client, world: World) -> None:
    project = api.post("/projects", json={"name": "Other"}).json()["id"]
    assert api.post(f"/projects/{project}/service_accounts", json={"name": "indexer"}).status_code == 200


def test_further_keys_are_made_with_scopes_and_a_last_day(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    keys = admin.admin.organization.projects.service_accounts.api_keys
    made = keys.create(
        world.account.public_id,
        project_id=world.project.public_id,
        name="reader",
        scopes=["model.read", "model.read"],
        expires_in_seconds=3600,
    )
    assert (made.object, made.name) == ("organization.project.service_account.api_key", "reader")
    assert made.expires_at is not None
    assert ApiKey.objects.get(public_id=made.id).scopes == ["model.read"]
    reader = make_sdk(api_key=made.value)
    assert reader.models.list().data
    with pytest.raises(openai.PermissionDeniedError):
        reader.embeddings.create(model="lukhas-echo-1", input="x", encoding_format="float")
    plain = keys.create(world.account.public_id, project_id=world.project.public_id, scopes=[])
    assert plain.name == "Secret Key"
    assert set(ApiKey.objects.get(public_id=plain.id).scopes) == set(DEFAULT_SCOPES)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"scopes": ["admin.*"]}, "invalid_value", "scopes"),
        ({"scopes": ["api.files.read"]}, "invalid_value", "scopes"),
        ({"scopes": "model.read"}, "invalid_type", "scopes"),
        ({"scopes": ["model.read", 1]}, "invalid_type", "scopes[1]"),
        ({"expires_in_seconds": 0}, "integer_below_min_value", "expires_in_seconds"),
        ({"expires_in_seconds": 31_536_001}, "integer_above_max_value", "expires_in_seconds"),
        ({"expires_in_seconds": 10**30}, "integer_above_max_value", "expires_in_seconds"),
        ({"expires_in_seconds": True}, "invalid_type", "expires_in_seconds"),
        ({"is_admin": True}, "unknown_parameter", "is_admin"),
        ({"value": "sk-mine"}, "unknown_parameter", "value"),
        ({"user": 1}, "unknown_parameter", "user"),
    ],
)
def test_a_key_cannot_be_made_to_hold_more(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    url = f"/projects/{world.project.public_id}/service_accounts/{world.account.public_id}/api_keys"
    error = error_of(api.post(url, json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": "x", "create_service_account_only": "yes"}, "invalid_type", "create_service_account_only"),
        ({"name": "x", "role": "owner"}, "unknown_parameter", "role"),
        ({"name": "x", "organization_role": "owner"}, "unknown_parameter", "organization_role"),
        ({"name": "x", "project": 1}, "unknown_parameter", "project"),
        ({"name": "x", "id": "svc_acct_mine"}, "unknown_parameter", "id"),
    ],
)
def test_a_service_account_cannot_be_made_to_be_more(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    error = error_of(api.post(f"/projects/{world.project.public_id}/service_accounts", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert ServiceAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"role": "none"}, "invalid_value", "role"),
        ({"role": "admin"}, "invalid_value", "role"),
        ({"role": 1}, "invalid_type", "role"),
        ({"organization_role": "owner"}, "unknown_parameter", "organization_role"),
        ({"project_id": "proj_other"}, "unknown_parameter", "project_id"),
    ],
)
def test_a_service_account_cannot_be_changed_to_be_more(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    before = list(ServiceAccount.objects.values())
    url = f"/projects/{world.project.public_id}/service_accounts/{world.account.public_id}"
    error = error_of(api.post(url, json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert list(ServiceAccount.objects.values()) == before


def test_an_admin_neither_makes_owners_nor_unmakes_them(http: Http, world: World) -> None:
    client = http(world.admin(Role.ADMIN))
    url = f"/projects/{world.project.public_id}/service_accounts/{world.account.public_id}"
    assert error_of(client.post(url, json={"role": "owner"}), 403)["code"] == "insufficient_permissions"
    assert client.post(url, json={"role": "member"}).json()["role"] == "member"
    ServiceAccount.objects.update(role=Role.OWNER)
    assert error_of(client.post(url, json={"role": "member"}), 403)["code"] == "insufficient_permissions"
    assert error_of(client.delete(url), 403)["code"] == "insufficient_permissions"
    ServiceAccount.objects.update(role=Role.MEMBER, organization_role=Role.OWNER)
    assert error_of(client.delete(url), 403)["code"] == "insufficient_permissions"
    assert client.post(url, json={"name": "renamed"}).status_code == 200
    assert ServiceAccount.objects.get().role == Role.MEMBER
