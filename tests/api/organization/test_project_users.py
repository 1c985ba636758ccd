"""/v1/organization/projects/{project_id}/users."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from accounts.models import ApiKey, Membership, ProjectMembership, User
from accounts.roles import RANKS, Role
from tests.api.organization.conftest import Http, Sdk, World, error_of


def assign(world: World, role: Role = Role.MEMBER) -> ProjectMembership:
    member = Membership.objects.get(user=world.member)
    return ProjectMembership.objects.create(membership=member, project=world.project, role=role)


def url(world: World) -> str:
    return f"/projects/{world.project.public_id}/users"


def test_users_of_a_project_are_added_listed_retrieved_changed_and_removed(admin: openai.OpenAI, world: World) -> None:
    users, project = admin.admin.organization.projects.users, world.project.public_id
    added = users.create(project, user_id=world.member.public_id, role="viewer")
    assert (added.object, added.id, added.role) == ("organization.project.user", world.member.public_id, "viewer")
    assert added.name == added.email == world.member.email
    assert added.added_at == int(ProjectMembership.objects.get().created_at.timestamp())
    assert list(users.list(project)) == [added]
    assert users.retrieve(added.id, project_id=project) == added
    assert users.update(added.id, project_id=project, role="owner").role == "owner"
    assert users.update(added.id, project_id=project).role == "owner"
    gone = users.delete(added.id, project_id=project)
    assert (gone.object, gone.id, gone.deleted) == ("organization.project.user.deleted", added.id, True)
    assert list(users.list(project)) == []
    for call in (users.retrieve, users.delete, users.update):
        with pytest.raises(openai.NotFoundError):
            call(added.id, project_id=project)


def test_a_user_is_added_by_the_email_in_whatever_letters(admin: openai.OpenAI, world: World) -> None:
    users, project = admin.admin.organization.projects.users, world.project.public_id
    assert users.create(project, email=world.member.email.upper(), role="member").id == world.member.public_id
    both = users.create(project, user_id=world.owner.public_id, email=world.owner.email, role="member")
    assert both.id == world.owner.public_id


def test_who_has_their_role_from_the_organisation_is_not_listed(api: httpx.Client, world: World) -> None:
    assert api.get(url(world)).json()["data"] == []
    assert error_of(api.get(f"{url(world)}/{world.owner.public_id}"), 404)["code"] == "not_found"


def test_the_role_that_was_given_is_shown_and_not_the_one_of_the_organisation(api: httpx.Client, world: World) -> None:
    assert api.post(url(world), json={"user_id": world.owner.public_id, "role": "viewer"}).json()["role"] == "viewer"
    assert api.get(url(world)).json()["data"][0]["role"] == "viewer"


def test_keys_do_what_the_role_in_the_project_allows(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    users, project = admin.admin.organization.projects.users, world.project.public_id
    users.create(project, user_id=world.member.public_id, role="member")
    token = ApiKey.issue(name="k", organization=world.organization, project=world.project, user=world.member)[1]
    caller = make_sdk(api_key=token)
    assert caller.embeddings.create(model="lukhas-echo-1", input="x", encoding_format="float").data
    users.update(world.member.public_id, project_id=project, role="viewer")
    with pytest.raises(openai.PermissionDeniedError):
        caller.embeddings.create(model="lukhas-echo-1", input="x", encoding_format="float")
    assert caller.models.list().data
    users.delete(world.member.public_id, project_id=project)
    with pytest.raises(openai.AuthenticationError):
        caller.models.list()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "role"),
        ({"role": "member"}, "missing_required_parameter", "user_id"),
        ({"role": "member", "user_id": None, "email": None}, "missing_required_parameter", "user_id"),
        ({"role": None, "user_id": "user-1"}, "invalid_type", "role"),
        ({"role": "reader", "user_id": "user-1"}, "invalid_value", "role"),
        ({"role": "emperor", "user_id": "user-1"}, "invalid_value", "role"),
        ({"role": "member", "user_id": 1}, "invalid_type", "user_id"),
        ({"role": "member", "user_id": "x" * 201}, "string_above_max_length", "user_id"),
        ({"role": "member", "email": "x" * 255}, "string_above_max_length", "email"),
        ({"role": "member", "user_id": "user-1", "project": "proj_1"}, "unknown_parameter", "project"),
        ({"role": "member", "user_id": "user-1", "membership": 1}, "unknown_parameter", "membership"),
    ],
)
def test_what_names_no_user_or_no_role_is_refused(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    error = error_of(api.post(url(world), json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert not ProjectMembership.objects.exists()


def test_nobody_else_than_members_of_the_organisation_is_added(
    api: httpx.Client, world: World, elsewhere: World
) -> None:
    theirs = elsewhere.member
    for named in (
        {"user_id": theirs.public_id},
        {"email": theirs.email},
        {"email": "nobody@example.com"},
        {"email": "a\x00b@example.com"},
        {"user_id": "a\x00b"},
        {"user_id": world.member.public_id, "email": world.owner.email},
    ):
        error = error_of(api.post(url(world), json={**named, "role": "member"}), 404)
        assert error["code"] == "not_found"
    assert not ProjectMembership.objects.exists()


def test_who_has_a_role_in_the_project_is_not_added_again(api: httpx.Client, world: World) -> None:
    assign(world)
    response = api.post(url(world), json={"user_id": world.member.public_id, "role": "owner"})
    assert error_of(response, 409)["code"] == "already_member"
    assert response.headers["x-should-retry"] == "false"
    assert ProjectMembership.objects.get().role == Role.MEMBER


def test_of_many_who_add_one_user_at_once_one_does(http: Http, world: World) -> None:
    clients = [http(world.admin_token) for _ in range(6)]
    body = {"user_id": world.member.public_id, "role": "member"}
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.post(url(world), json=body), clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert ProjectMembership.objects.count() == 1


def test_nothing_changes_in_an_archived_project(api: httpx.Client, world: World) -> None:
    assign(world)
    world.project.archive()
    one = f"{url(world)}/{world.member.public_id}"
    for response in (
        api.post(url(world), json={"user_id": world.owner.public_id, "role": "member"}),
        api.post(one, json={"role": "owner"}),
        api.delete(one),
    ):
        assert error_of(response, 400)["code"] == "project_archived"
    assert api.get(one).json()["role"] == "member"


@pytest.mark.parametrize("new", list(Role))
@pytest.mark.parametrize("old", list(Role))
@pytest.mark.parametrize("actor", [Role.OWNER, Role.ADMIN])
def test_nobody_gives_or_takes_away_a_role_above_their_own(
    http: Http, world: World, actor: Role, old: Role, new: Role
) -> None:
    client = http(world.admin(actor))
    newcomer = User.objects.create_user("new", "new@example.com")
    Membership.objects.create(user=newcomer, organization=world.organization)
    added = client.post(url(world), json={"user_id": newcomer.public_id, "role": new.value})
    assert added.status_code == (403 if RANKS[actor] < RANKS[new] else 200)
    assert ProjectMembership.objects.filter(role=new).exists() == (added.status_code == 200)
    row = assign(world, old)
    one = f"{url(world)}/{world.member.public_id}"
    changed = client.post(one, json={"role": new.value})
    row.refresh_from_db()
    if old != new and RANKS[actor] < max(RANKS[old], RANKS[new]):
        assert error_of(changed, 403)["code"] == "insufficient_permissions"
        assert row.role == old
    else:
        assert (changed.status_code, row.role) == (200, new)
    removed = client.delete(one)
    assert removed.status_code == (403 if RANKS[actor] < RANKS[Role(row.role)] else 200)
    assert ProjectMembership.objects.filter(pk=row.pk).exists() == (removed.status_code == 403)


def test_an_admin_who_owns_the_project_makes_no_owners_of_it_with_an_admin_key(http: Http, world: World) -> None:
    client = http(world.admin(Role.ADMIN))
    member = Membership.objects.get(role=Role.ADMIN)
    ProjectMembership.objects.create(membership=member, project=world.project, role=Role.OWNER)
    response = client.post(url(world), json={"user_id": world.member.public_id, "role": "owner"})
    assert "project.owners.update" in error_of(response, 403)["message"]


def test_what_happens_to_users_of_a_project_is_on_the_audit_log(admin: openai.OpenAI, world: World) -> None:
    users, project = admin.admin.organization.projects.users, world.project.public_id
    logs = admin.admin.organization.audit_logs
    users.create(project, user_id=world.member.public_id, role="viewer")
    users.update(world.member.public_id, project_id=project, role="member")
    users.delete(world.member.public_id, project_id=project)
    deleted, changed, created = logs.list(limit=3, project_ids=[project]).data
    assert [each.type for each in (created, changed, deleted)] == [
        "role.assignment.created",
        "user.updated",
        "role.assignment.deleted",
    ]
    for event in (created.role_assignment_created, deleted.role_assignment_deleted):
        assert event is not None
        assert (event.principal_id, event.principal_type) == (world.member.public_id, "user")
        assert (event.resource_id, event.resource_type) == (project, "project")
    assert changed.user_updated is not None
    assert changed.user_updated.id == world.member.public_id
    assert changed.user_updated.changes_requested is not None
    assert changed.user_updated.changes_requested.role == "member"
    assert changed.project is not None
    assert changed.project.id == project
