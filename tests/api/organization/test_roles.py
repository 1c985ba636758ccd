"""/v1/organization/roles, /v1/projects/{project_id}/roles, and the roles of users in both."""

from typing import Any

import httpx
import openai
import pytest

from accounts.models import AuditEvent, Membership, Project, ProjectMembership
from accounts.roles import ACTIONS, RANKS, Role, allowed
from api.administration.roles import role_id
from tests.api.organization.conftest import Http, World, error_of

NAMES = [role.value for role in Role]


def in_organization(world: World, role: str) -> str:
    return role_id(world.organization.public_id, "organization", role)


def in_project(world: World, role: str) -> str:
    return role_id(world.organization.public_id, "project", role)


def organization_url(world: World) -> str:
    return f"/users/{world.member.public_id}/roles"


def project_url(world: World) -> str:
    return f"/v1/projects/{world.project.public_id}/users/{world.member.public_id}/roles"


def held(world: World) -> str:
    return Membership.objects.get(user=world.member).role


def given(world: World) -> str | None:
    row = ProjectMembership.objects.filter(membership__user=world.member, project=world.project).first()
    return None if row is None else row.role


# --- The roles ---------------------------------------------------------------------------------------------------


def test_the_four_roles_are_predefined_and_list_what_they_allow(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    for roles, where in (
        (list(organization.roles.list()), "organization"),
        (list(organization.projects.roles.list(world.project.public_id)), "project"),
    ):
        assert [role.name for role in roles] == NAMES
        for role in roles:
            assert (role.object, role.predefined_role, role.resource_type) == ("role", True, f"api.{where}")
            assert role.description
            assert role.permissions == [
                name for name, action in ACTIONS.items() if action.where == where and allowed(role.name, name)
            ]
    owner, viewer = roles[0], roles[-1]
    assert set(viewer.permissions) < set(owner.permissions)


def test_the_ids_of_roles_are_opaque_stable_and_the_organisations_own(
    admin: openai.OpenAI, world: World, http: Http, elsewhere: World
) -> None:
    organization = admin.admin.organization
    ids = [role.id for role in organization.roles.list()]
    assert ids == [role.id for role in organization.roles.list()]
    other = Project.objects.create(organization=world.organization, name="Other")
    for project in (world.project, other):
        assert [role.id for role in organization.projects.roles.list(project.public_id)] == [
            in_project(world, name) for name in NAMES
        ]
    theirs = [role["id"] for role in http(elsewhere.admin_token).get("/roles").json()["data"]]
    assert len({*ids, *theirs, *(in_project(world, name) for name in NAMES)}) == 12
    assert not any(name in id for id in ids for name in NAMES)


def test_one_role_is_retrieved_by_its_id(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    for role in organization.roles.list():
        assert organization.roles.retrieve(role.id) == role
    for role in organization.projects.roles.list(world.project.public_id):
        assert organization.projects.roles.retrieve(role.id, project_id=world.project.public_id) == role
        with pytest.raises(openai.NotFoundError):
            organization.roles.retrieve(role.id)


@pytest.mark.parametrize("url", ["/roles", "in project"])
def test_roles_are_read_page_by_page_from_either_end(api: httpx.Client, world: World, url: str) -> None:
    url = f"/v1/projects/{world.project.public_id}/roles" if url == "in project" else url
    for order, expected in (("asc", NAMES), ("desc", NAMES[::-1])):
        found: list[str] = []
        after = ""
        for more in (True, False):
            page = api.get(url, params={"limit": 2, "order": order, "after": after}).json()
            assert set(page) == {"object", "data", "has_more", "next"}
            found += [role["name"] for role in page["data"]]
            assert page["has_more"] is more
            assert (page["next"] is None) is not more
            after = page["next"]
        assert found == expected
    first = api.get(url).json()["data"][0]["id"]
    assert api.get(url, params={"limit": 0}).json() == {"object": "list", "data": [], "has_more": True, "next": None}
    assert api.get(url, params={"limit": 0, "after": first}).json()["next"] == first


def test_the_sdk_reads_all_pages(admin: openai.OpenAI) -> None:
    assert [role.name for role in admin.admin.organization.roles.list(limit=1, order="desc")] == NAMES[::-1]


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"limit": "-1"}, "integer_below_min_value", "limit"),
    ({"limit": "1001"}, "integer_above_max_value", "limit"),
    ({"limit": "x"}, "invalid_type", "limit"),
    ({"order": "sideways"}, "invalid_value", "order"),
    ({"after": "role_nothing"}, "invalid_value", "after"),
    ({"before": "role_nothing"}, "unknown_parameter", "before"),
]


@pytest.mark.parametrize(("params", "code", "param"), WRONG)
def test_what_is_no_page_is_refused_by_name(
    api: httpx.Client, world: World, params: dict[str, str], code: str, param: str
) -> None:
    lists = ("/roles", f"/v1/projects/{world.project.public_id}/roles", organization_url(world), project_url(world))
    for url in lists:
        error = error_of(api.get(url, params=params), 400)
        assert (error["code"], error["param"]) == (code, param)


# --- In the organisation -----------------------------------------------------------------------------------------


def test_a_user_has_one_role_and_assigning_another_replaces_it(admin: openai.OpenAI, world: World) -> None:
    roles = admin.admin.organization.users.roles
    [member] = roles.list(world.member.public_id)
    assert (member.id, member.name, member.predefined_role) == (in_organization(world, "member"), "member", True)
    assert (member.created_at, member.created_by, member.metadata) == (None, None, None)
    assert member.assignment_sources is not None
    assert [source.principal_id for source in member.assignment_sources] == [world.member.public_id]
    made = roles.create(world.member.public_id, role_id=in_organization(world, "admin"))
    assert (made.object, made.user.id, made.user.role) == ("user.role", world.member.public_id, "admin")
    assert (made.role.id, made.role.name) == (in_organization(world, "admin"), "admin")
    assert held(world) == "admin"
    [only] = roles.list(world.member.public_id)
    assert roles.retrieve(only.id, user_id=world.member.public_id).id == only.id == made.role.id
    for name in ("owner", "member", "viewer"):
        with pytest.raises(openai.NotFoundError):
            roles.retrieve(in_organization(world, name), user_id=world.member.public_id)


def test_a_role_is_given_by_its_id_where_a_user_is_changed_too(
    admin: openai.OpenAI, api: httpx.Client, world: World
) -> None:
    users = admin.admin.organization.users
    assert users.update(world.member.public_id, role_id=in_organization(world, "viewer")).role == "viewer"
    url = f"/users/{world.member.public_id}"
    both = error_of(api.post(url, json={"role": "member", "role_id": in_organization(world, "member")}), 400)
    assert (both["code"], both["param"]) == ("invalid_value", "role_id")
    for strange in ("role_nothing", in_project(world, "owner"), "owner"):
        assert error_of(api.post(url, json={"role_id": strange}), 404)["code"] == "not_found"
    assert held(world) == "viewer"


def test_a_role_that_is_taken_away_leaves_a_viewer(admin: openai.OpenAI, api: httpx.Client, world: World) -> None:
    roles = admin.admin.organization.users.roles
    gone = roles.delete(in_organization(world, "member"), user_id=world.member.public_id)
    assert (gone.object, gone.deleted) == ("user.role.deleted", True)
    assert held(world) == "viewer"
    error = error_of(api.delete(f"{organization_url(world)}/{in_organization(world, 'viewer')}"), 400)
    assert (error["code"], error["param"]) == ("least_role", "role_id")
    assert error_of(api.delete(f"{organization_url(world)}/{in_organization(world, 'member')}"), 404)
    assert held(world) == "viewer"


def test_the_last_owner_keeps_the_role(api: httpx.Client, world: World) -> None:
    url = f"/users/{world.owner.public_id}/roles"
    for response in (
        api.delete(f"{url}/{in_organization(world, 'owner')}"),
        api.post(url, json={"role_id": in_organization(world, "admin")}),
        api.post(f"/users/{world.owner.public_id}", json={"role_id": in_organization(world, "admin")}),
    ):
        assert error_of(response, 400)["code"] == "last_owner"
    assert Membership.objects.get(user=world.owner).role == Role.OWNER


# --- In a project ------------------------------------------------------------------------------------------------


def test_a_user_has_one_role_in_a_project_or_none(admin: openai.OpenAI, world: World) -> None:
    roles, project, user = (
        admin.admin.organization.projects.users.roles,
        world.project.public_id,
        world.member.public_id,
    )
    assert list(roles.list(user, project_id=project)) == []
    made = roles.create(user, project_id=project, role_id=in_project(world, "viewer"))
    assert (made.object, made.user.id, made.user.role, made.role.name) == ("user.role", user, "member", "viewer")
    for name in ("admin", "admin"):
        roles.create(user, project_id=project, role_id=in_project(world, name))
    [only] = roles.list(user, project_id=project)
    assert (only.name, only.resource_type, given(world)) == ("admin", "api.project", "admin")
    assert roles.retrieve(only.id, project_id=project, user_id=user).id == only.id
    with pytest.raises(openai.NotFoundError):
        roles.delete(in_project(world, "viewer"), project_id=project, user_id=user)
    gone = roles.delete(only.id, project_id=project, user_id=user)
    assert (gone.object, gone.deleted, given(world)) == ("user.role.deleted", True, None)
    with pytest.raises(openai.NotFoundError):
        roles.retrieve(only.id, project_id=project, user_id=user)


def test_nothing_changes_in_an_archived_project(api: httpx.Client, world: World) -> None:
    url = project_url(world)
    assert api.post(url, json={"role_id": in_project(world, "member")}).status_code == 200
    world.project.archive()
    for response in (
        api.post(url, json={"role_id": in_project(world, "viewer")}),
        api.delete(f"{url}/{in_project(world, 'member')}"),
    ):
        assert error_of(response, 400)["code"] == "project_archived"
    assert given(world) == "member"


# --- Escalation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", NAMES)
@pytest.mark.parametrize("old", NAMES)
@pytest.mark.parametrize("actor", [Role.OWNER, Role.ADMIN])
def test_nobody_assigns_or_takes_away_a_role_above_their_own(
    http: Http, world: World, actor: Role, old: str, new: str
) -> None:
    client = http(world.admin(actor))
    member = Membership.objects.get(user=world.member)
    Membership.objects.filter(pk=member.pk).update(role=old)
    ProjectMembership.objects.create(membership=member, project=world.project, role=old)
    too_high = old != new and RANKS[actor] < max(RANKS[old], RANKS[new])
    for url, id, now in (
        (organization_url(world), in_organization(world, new), held),
        (project_url(world), in_project(world, new), given),
    ):
        response = client.post(url, json={"role_id": id})
        if too_high:
            assert error_of(response, 403)["code"] == "insufficient_permissions"
        else:
            assert response.status_code == 200
        assert now(world) == (old if too_high else new)
    for url, id in (
        (organization_url(world), in_organization(world, held(world))),
        (project_url(world), in_project(world, str(given(world)))),
    ):
        if RANKS[actor] < RANKS[held(world)]:
            assert error_of(client.delete(f"{url}/{id}"), 403)["code"] == "insufficient_permissions"
    assert held(world) == (old if too_high else new)


@pytest.mark.parametrize("strange", ["owner", "role_nothing", "", "a\x00b", "x" * 200])
def test_a_role_that_is_none_is_not_assigned(api: httpx.Client, world: World, strange: str) -> None:
    for url in (organization_url(world), project_url(world)):
        assert error_of(api.post(url, json={"role_id": strange}), 404)["code"] == "not_found"
    assert (held(world), given(world)) == ("member", None)


def test_roles_of_the_organisation_and_of_projects_do_not_stand_in_for_each_other(
    api: httpx.Client, world: World, elsewhere: World
) -> None:
    for url, ids in (
        (organization_url(world), [in_project(world, "viewer"), in_organization(elsewhere, "viewer")]),
        (project_url(world), [in_organization(world, "viewer"), in_project(elsewhere, "viewer")]),
    ):
        for id in ids:
            assert error_of(api.post(url, json={"role_id": id}), 404)["code"] == "not_found"
    assert (held(world), given(world)) == ("member", None)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "role_id"),
        ({"role_id": None}, "invalid_type", "role_id"),
        ({"role_id": 1}, "invalid_type", "role_id"),
        ({"role_id": "x" * 201}, "string_above_max_length", "role_id"),
        ({"role_id": "role_1", "user_id": "user-1"}, "unknown_parameter", "user_id"),
    ],
)
def test_what_is_no_assignment_is_refused(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    for url in (organization_url(world), project_url(world)):
        error = error_of(api.post(url, json=body), 400)
        assert (error["code"], error["param"]) == (code, param)


def test_assignments_are_on_the_audit_log(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    user, project = world.member.public_id, world.project.public_id
    organization.users.roles.create(user, role_id=in_organization(world, "admin"))
    organization.projects.users.roles.create(user, project_id=project, role_id=in_project(world, "member"))
    organization.projects.users.roles.delete(in_project(world, "member"), project_id=project, user_id=user)
    types = [event.type for event in organization.audit_logs.list(limit=3).data]
    assert types == ["role.assignment.deleted", "role.assignment.created", "user.updated"]
    assert {event.actor_id for event in AuditEvent.objects.order_by("-pk")[:3]} == {world.owner.public_id}
