"""/v1/organization/projects/{project_id}/model_permissions, and what follows for callers of the project."""

from typing import Any

import httpx
import openai
import pytest

from api.models import Alias, Model, ModelPermissions
from tests.api.organization.conftest import Http, Sdk, World, error_of

CHAT, EMBED, JUDGE, ECHO = "lukhas-chat-1", "lukhas-embed-1", "lukhas-moderation-1", "lukhas-echo-1"


@pytest.fixture(autouse=True)
def alias(world: World) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id=ECHO))


def usable(caller: openai.OpenAI) -> list[str]:
    """The models that are listed, each of which must be retrievable; all others must not."""
    listed = [model.id for model in caller.models.list()]
    for model in (CHAT, EMBED, JUDGE, ECHO, "fast"):
        if model in listed:
            assert caller.models.retrieve(model).id == model
        else:
            with pytest.raises(openai.NotFoundError, match="does not exist or you do not have access to it"):
                caller.models.retrieve(model)
    return listed


def test_a_project_may_use_everything_until_something_else_is_said(
    admin: openai.OpenAI, make_sdk: Sdk, world: World
) -> None:
    permissions = admin.admin.organization.projects.model_permissions
    found = permissions.retrieve(world.project.public_id)
    assert (found.object, found.mode, found.api_model_ids) == ("project.model_permissions", "deny_list", [])
    assert usable(make_sdk(api_key=world.token)) == [CHAT, EMBED, JUDGE, ECHO, "fast"]


@pytest.mark.parametrize(
    ("mode", "named", "left"),
    [
        ("allow_list", [ECHO], [ECHO, "fast"]),
        ("allow_list", ["fast"], ["fast"]),
        ("allow_list", [], []),
        ("deny_list", [ECHO], [CHAT, EMBED, JUDGE]),
        ("deny_list", ["fast"], [CHAT, EMBED, JUDGE, ECHO]),
        ("deny_list", [], [CHAT, EMBED, JUDGE, ECHO, "fast"]),
    ],
)
def test_models_are_allowed_or_denied_along_with_their_aliases(
    admin: openai.OpenAI, make_sdk: Sdk, world: World, mode: Any, named: list[str], left: list[str]
) -> None:
    caller = make_sdk(api_key=world.token)
    assert usable(caller) == [CHAT, EMBED, JUDGE, ECHO, "fast"]
    permissions, project = admin.admin.organization.projects.model_permissions, world.project.public_id
    made = permissions.update(project, mode=mode, model_ids=named)
    assert (made.mode, made.api_model_ids) == (mode, named)
    assert permissions.retrieve(project) == made
    assert usable(caller) == left
    for model in (ECHO, "fast"):
        if model in left:
            assert caller.embeddings.create(model=model, input="x", encoding_format="float").data
        else:
            with pytest.raises(openai.NotFoundError) as refused:
                caller.embeddings.create(model=model, input="x", encoding_format="float")
            assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert permissions.delete(project).deleted is True
    assert usable(caller) == [CHAT, EMBED, JUDGE, ECHO, "fast"]
    assert permissions.delete(project).object == "project.model_permissions.deleted"


def test_other_projects_go_on_as_before(
    admin: openai.OpenAI, make_sdk: Sdk, world: World, elsewhere: World, make_key: Any
) -> None:
    permissions = admin.admin.organization.projects.model_permissions
    permissions.update(world.project.public_id, mode="allow_list", model_ids=[])
    assert usable(make_sdk(api_key=elsewhere.token)) == [CHAT, EMBED, JUDGE, ECHO, "fast"]
    assert usable(make_sdk(api_key=make_key())) == [CHAT, EMBED, JUDGE, ECHO, "fast"]


def test_the_list_of_models_is_cached_by_what_the_project_sees(http: Http, world: World, api: httpx.Client) -> None:
    caller = http(world.token)
    models = "/v1/models"
    before = caller.get(models)
    api.post(
        f"/projects/{world.project.public_id}/model_permissions", json={"mode": "allow_list", "model_ids": [CHAT]}
    ).raise_for_status()
    after = caller.get(models, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, [model["id"] for model in after.json()["data"]]) == (200, [CHAT])
    assert caller.get(models, headers={"If-None-Match": after.headers["etag"]}).status_code == 304


def test_setting_it_again_replaces_it(api: httpx.Client, world: World) -> None:
    url = f"/projects/{world.project.public_id}/model_permissions"
    api.post(url, json={"mode": "allow_list", "model_ids": [CHAT, ECHO]}).raise_for_status()
    assert api.post(url, json={"mode": "deny_list", "model_ids": [EMBED, EMBED]}).json() == {
        "object": "project.model_permissions",
        "mode": "deny_list",
        "model_ids": [EMBED],
    }
    assert str(ModelPermissions.objects.get()) == "All but these: lukhas-embed-1"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "mode"),
        ({"mode": "allow_list"}, "missing_required_parameter", "model_ids"),
        ({"mode": "block", "model_ids": []}, "invalid_value", "mode"),
        ({"mode": None, "model_ids": []}, "invalid_type", "mode"),
        ({"mode": "deny_list", "model_ids": CHAT}, "invalid_type", "model_ids"),
        ({"mode": "deny_list", "model_ids": [CHAT, None]}, "invalid_type", "model_ids[1]"),
        ({"mode": "deny_list", "model_ids": [CHAT, "gpt-9"]}, "invalid_value", "model_ids[1]"),
        ({"mode": "deny_list", "model_ids": ["\x00"]}, "invalid_value", "model_ids[0]"),
        ({"mode": "deny_list", "model_ids": ["x"] * 1001}, "array_above_max_length", "model_ids"),
        ({"mode": "deny_list", "model_ids": [], "project": "proj_other"}, "unknown_parameter", "project"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_changes_nothing(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    error = error_of(api.post(f"/projects/{world.project.public_id}/model_permissions", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert not ModelPermissions.objects.exists()
