"""What is not here: every other path under /v1/organization."""

import httpx
import openai
import pytest

from tests.api.organization.conftest import Http, World, absolute, error_of

PATHS = [
    "/groups",
    "/certificates",
    "/certificates/activate",
    "/groups/group_1/roles",
    "/users/user_1/roles/role_1/more",
    "/v1/projects/proj_1/groups/group_1/roles",
    "/v1/projects/proj_1",
    "/v1/projects/",
    "/invites/invite_1/resend",
    "/usage",
    "/usage/completions/today",
    "/usage/videos",
    "/costs/today",
    "/external_keys",
    "/workload_identity_providers",
    "/projects/proj_1/hosted_tool_permissions",
    "/projects/proj_1/archive/now",
    "/nothing/of/the/kind",
    "/projects/",
    "/",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_other_path_is_said_not_to_be_supported(api: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        error = error_of(api.request(method, path, json={}), 404)
        assert error["message"] == f"{method} {absolute(path)} is not supported by this server."
        assert error["code"] is None


def test_the_sdk_is_told_so_too(admin: openai.OpenAI) -> None:
    organization = admin.admin.organization
    for call in (
        organization.groups.list,
        lambda: organization.roles.create(permissions=["project.read"], role_name="reader"),
        lambda: organization.roles.delete("role_1"),
        lambda: organization.projects.roles.update("role_1", project_id="proj_1", role_name="reader"),
    ):
        with pytest.raises(openai.NotFoundError, match="is not supported by this server"):
            call()


def test_whoever_may_not_administer_is_told_that_first(http: Http, world: World) -> None:
    assert error_of(http("").get("/groups"), 401)["code"] is None
    assert error_of(http(world.token).get("/groups"), 403)["code"] == "insufficient_permissions"


def test_a_very_long_path_is_not_repeated_whole(api: httpx.Client) -> None:
    assert len(error_of(api.get("/groups/" + "x" * 5000), 404)["message"]) < 300


def test_a_head_request_is_answered_as_a_get_without_a_body(api: httpx.Client, http: Http, world: World) -> None:
    response = api.head("/projects")
    assert (response.status_code, response.content) == (200, b"")
    assert http(world.token).head("/projects").status_code == 403
    assert api.head("/groups").status_code == 404
