"""/v1/organization/projects."""

from typing import Any

import httpx
import openai
import pytest

from accounts.models import Project
from api.administration.projects import archive_project, find_project, rename_project
from tests.api.organization.conftest import Sdk, World, error_of


def test_a_project_is_made_found_renamed_and_archived_with_the_sdk(admin: openai.OpenAI) -> None:
    projects = admin.admin.organization.projects
    made = projects.create(name="Assistants")
    assert made.id.startswith("proj_")
    assert (made.object, made.name, made.status) == ("organization.project", "Assistants", "active")
    assert made.archived_at is None
    assert projects.retrieve(made.id) == made
    assert projects.update(made.id, name="Helpers").name == "Helpers"
    archived = projects.archive(made.id)
    assert archived.status == "archived"
    assert archived.archived_at is not None
    assert archived.archived_at >= made.created_at
    assert projects.archive(made.id) == archived


def test_archived_projects_are_listed_only_when_asked_for(admin: openai.OpenAI, world: World) -> None:
    projects = admin.admin.organization.projects
    projects.archive(world.project.public_id)
    assert [project.name for project in projects.list()] == ["Default project"]
    assert [project.name for project in projects.list(include_archived=True)] == ["Default project", "ours search"]
    assert projects.retrieve(world.project.public_id).status == "archived"


def test_who_goes_through_the_list_and_archives_what_it_finds_reaches_the_end(admin: openai.OpenAI) -> None:
    projects = admin.admin.organization.projects
    for at in range(3):
        projects.create(name=f"short-lived {at}")
    for project in projects.list(limit=1):
        if project.name != "Default project":
            projects.archive(project.id)
    assert [project.name for project in projects.list()] == ["Default project"]


def test_the_keys_of_an_archived_project_fail_at_once(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    caller = make_sdk(api_key=world.token)
    assert caller.models.list().data
    admin.admin.organization.projects.archive(world.project.public_id)
    with pytest.raises(openai.AuthenticationError) as refused:
        caller.models.list()
    assert refused.value.code == "invalid_api_key"


def test_the_default_project_cannot_be_archived(api: httpx.Client, world: World) -> None:
    default = Project.objects.get(organization=world.organization, is_default=True)
    error = error_of(api.post(f"/projects/{default.public_id}/archive"), 400)
    assert (error["code"], error["message"]) == ("default_project", "The default project cannot be archived.")
    default.refresh_from_db()
    assert default.archived_at is None


def test_an_archived_project_does_not_change_any_more(api: httpx.Client, world: World) -> None:
    id = world.project.public_id
    api.post(f"/projects/{id}/archive").raise_for_status()
    attempts = [
        (f"/projects/{id}", {"name": "again"}),
        (f"/projects/{id}/service_accounts", {"name": "late"}),
        (f"/projects/{id}/service_accounts/{world.account.public_id}", {"name": "late"}),
        (f"/projects/{id}/service_accounts/{world.account.public_id}/api_keys", {}),
        (f"/projects/{id}/spend_limit", {"threshold_amount": 1, "currency": "USD", "interval": "month"}),
        (f"/projects/{id}/model_permissions", {"mode": "deny_list", "model_ids": []}),
        (f"/projects/{id}/rate_limits/rl-x", {"max_requests_per_1_minute": 1}),
    ]
    for path, body in attempts:
        assert error_of(api.post(path, json=body), 400)["code"] == "project_archived", path
    world.project.refresh_from_db()
    assert world.project.name == "ours search"


def test_a_project_that_is_archived_while_it_is_renamed_stays_archived(world: World) -> None:
    seen = find_project(world.organization.public_id, world.project.public_id)
    archive_project(world.organization.public_id, world.project.public_id)
    rename_project(seen, "late")
    world.project.refresh_from_db()
    assert (world.project.name, world.project.archived_at is None) == ("late", False)


def test_a_change_without_a_name_changes_nothing(api: httpx.Client, world: World) -> None:
    before = api.get(f"/projects/{world.project.public_id}").json()
    for body in ({}, {"name": None}, {"external_key_id": None}):
        assert api.post(f"/projects/{world.project.public_id}", json=body).json() == before


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": None}, "invalid_type", "name"),
        ({"name": 5}, "invalid_type", "name"),
        ({"name": ["a"]}, "invalid_type", "name"),
        ({"name": ""}, "empty_string", "name"),
        ({"name": "  "}, "invalid_value", "name"),
        ({"name": "a\x00b"}, "invalid_value", "name"),
        ({"name": "a\nb"}, "invalid_value", "name"),
        ({"name": "x" * 201}, "string_above_max_length", "name"),
        ({"name": "x", "nmae": "y"}, "unknown_parameter", "nmae"),
        ({"name": "x", "residency": "EU_STORAGE_PROCESSING"}, "unsupported_parameter", "residency"),
        ({"name": "x", "geography": "EU"}, "unsupported_parameter", "geography"),
        ({"name": "x", "external_key_id": "key_1"}, "unsupported_parameter", "external_key_id"),
        ({"name": "x", "id": "proj_mine"}, "unknown_parameter", "id"),
        ({"name": "x", "organization": "org-other"}, "unknown_parameter", "organization"),
        ({"name": "x", "organization_id": 2}, "unknown_parameter", "organization_id"),
        ({"name": "x", "is_default": True}, "unknown_parameter", "is_default"),
        ({"name": "x", "archived_at": 1}, "unknown_parameter", "archived_at"),
        ({"name": "x", "status": "archived"}, "unknown_parameter", "status"),
    ],
)
def test_a_bad_body_is_refused_by_name_and_makes_nothing(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    before = list(Project.objects.order_by("pk").values())
    paths = ["/projects"]
    if body.get("name") is not None:  # a project that is there already may go without a new one
        paths.append(f"/projects/{world.project.public_id}")
    for path in paths:
        error = error_of(api.post(path, json=body), 400)
        assert (error["code"], error["param"]) == (code, param)
    assert list(Project.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    ("content", "type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"name"', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b'{"name": "x"}', "", 415),
        (b"[" * 200 + b"]" * 200, "application/json", 400),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api: httpx.Client, content: bytes, type: str, status: int) -> None:
    error_of(api.post("/projects", content=content, headers={"Content-Type": type}), status)
    assert Project.objects.count() == 2


def test_archiving_takes_no_parameters(api: httpx.Client, world: World) -> None:
    error = error_of(api.post(f"/projects/{world.project.public_id}/archive", json={"force": True}), 400)
    assert (error["code"], error["param"]) == ("unknown_parameter", "force")
    world.project.refresh_from_db()
    assert world.project.archived_at is None


def test_names_need_not_differ(api: httpx.Client) -> None:
    ids = {api.post("/projects", json={"name": "Twin"}).json()["id"] for _ in range(2)}
    assert len(ids) == 2


def test_any_caller_gets_json_whatever_it_would_rather_have(api: httpx.Client) -> None:
    response = api.get("/projects", headers={"Accept": "text/event-stream"})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
