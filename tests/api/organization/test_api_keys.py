"""/v1/organization/projects/{project_id}/api_keys."""

from datetime import timedelta

import httpx
import openai
import pytest
from django.utils import timezone

from accounts.models import ApiKey, Membership, ProjectMembership, ServiceAccount, User
from accounts.roles import Role
from accounts.uses import uses
from tests.api.organization.conftest import Sdk, World, error_of


def key_of_user(world: World, name: str, role: Role, in_project: Role | None = None) -> ApiKey:
    """A key of the project, of a new user with these roles."""
    user = User.objects.create_user(name, f"{name}@example.com")
    member = Membership.objects.create(user=user, organization=world.organization, role=role)
    if in_project is not None:
        ProjectMembership.objects.create(membership=member, project=world.project, role=in_project)
    return ApiKey.issue(name=name, organization=world.organization, project=world.project, user=user)[0]


def test_keys_are_listed_and_retrieved_with_their_owners(admin: openai.OpenAI, world: World) -> None:
    keys = admin.admin.organization.projects.api_keys
    of_member = key_of_user(world, "grace", Role.MEMBER, Role.VIEWER)
    of_owner = key_of_user(world, "edsger", Role.OWNER)
    first, second, third = keys.list(world.project.public_id)
    assert [each.id for each in (first, second, third)] == [each.public_id for each in (world.key, of_member, of_owner)]
    assert first.redacted_value == f"{world.token[:14]}...{world.token[-4:]}"
    assert (first.object, first.name, first.owner_project_access) == ("organization.project.api_key", "k1", "active")
    assert (first.last_used_at, first.expires_at) == (None, None)
    assert first.owner.type == "service_account"
    assert first.owner.user is None
    assert first.owner.service_account is not None
    assert (first.owner.service_account.id, first.owner.service_account.role) == (world.account.public_id, "member")
    assert second.owner.type == "user"
    assert second.owner.user is not None
    assert second.owner.user.email == second.owner.user.name == "grace@example.com"
    assert second.owner.user.role == "viewer"
    assert third.owner.user is not None
    assert third.owner.user.role == "owner"
    assert keys.retrieve(second.id, project_id=world.project.public_id) == second


def test_when_a_key_was_used_and_when_it_expires_is_told(admin: openai.OpenAI, make_sdk: Sdk, world: World) -> None:
    expiry = timezone.now() + timedelta(hours=1)
    ApiKey.objects.filter(pk=world.key.pk).update(expires_at=expiry)
    make_sdk(api_key=world.token).models.list()
    uses.flush()
    key = admin.admin.organization.projects.api_keys.retrieve(world.key.public_id, project_id=world.project.public_id)
    assert key.expires_at == int(expiry.timestamp())
    assert key.last_used_at is not None
    assert abs(key.last_used_at - timezone.now().timestamp()) < 60


def test_keys_whose_owners_have_lost_their_access_can_be_told_apart(admin: openai.OpenAI, world: World) -> None:
    keys, project = admin.admin.organization.projects.api_keys, world.project.public_id
    gone = key_of_user(world, "gone", Role.OWNER)
    left_project = key_of_user(world, "left", Role.MEMBER, Role.MEMBER)
    left = key_of_user(world, "departed", Role.OWNER)
    stays = key_of_user(world, "stays", Role.VIEWER, Role.MEMBER)
    bare = ServiceAccount.objects.create(project=world.project, name="bare")
    powerless = ApiKey.issue(name="p", organization=world.organization, project=world.project, service_account=bare)[0]
    User.objects.filter(username="gone").update(is_active=False)
    ProjectMembership.objects.filter(membership__user__username="left").delete()
    Membership.objects.filter(user__username="departed").delete()
    ServiceAccount.objects.filter(pk=bare.pk).update(role="")
    lost = [key.public_id for key in (gone, left_project, left, powerless)]
    kept = [key.public_id for key in (world.key, stays)]
    assert [key.id for key in keys.list(project, owner_project_access="active")] == kept
    assert [key.id for key in keys.list(project, owner_project_access="inactive")] == lost
    everything = list(keys.list(project, owner_project_access="any"))
    assert everything == list(keys.list(project))
    assert {key.id for key in everything if key.owner_project_access == "inactive"} == set(lost)
    roles = {key.id: key.owner.user.role for key in everything if key.owner.user is not None}
    assert roles[left_project.public_id] == roles[left.public_id] == "none"


def test_a_deleted_key_fails_at_once_and_is_not_there_any_more(
    admin: openai.OpenAI, make_sdk: Sdk, world: World
) -> None:
    caller = make_sdk(api_key=world.token)
    assert caller.models.list().data
    keys, project = admin.admin.organization.projects.api_keys, world.project.public_id
    gone = keys.delete(world.key.public_id, project_id=project)
    assert (gone.object, gone.id, gone.deleted) == ("organization.project.api_key.deleted", world.key.public_id, True)
    with pytest.raises(openai.AuthenticationError):
        caller.models.list()
    assert list(keys.list(project)) == []
    for again in (keys.delete, keys.retrieve):
        with pytest.raises(openai.NotFoundError) as told:
            again(world.key.public_id, project_id=project)
        assert told.value.code == "not_found"
        assert f"No API key found with id '{world.key.public_id}'" in told.value.message


def test_who_goes_through_the_list_and_deletes_what_it_finds_reaches_the_end(
    admin: openai.OpenAI, world: World
) -> None:
    for at in range(3):
        ApiKey.issue(
            name=f"k{at}", organization=world.organization, project=world.project, service_account=world.account
        )
    keys, project = admin.admin.organization.projects.api_keys, world.project.public_id
    for key in keys.list(project, limit=1):
        keys.delete(key.id, project_id=project)
    assert list(keys.list(project)) == []


def test_an_admin_key_is_no_key_of_a_project(api: httpx.Client, world: World) -> None:
    response = api.get(f"/projects/{world.project.public_id}/api_keys/{world.admin_key.public_id}")
    assert error_of(response, 404)["code"] == "not_found"


def test_access_is_one_of_three(api: httpx.Client, world: World) -> None:
    response = api.get(f"/projects/{world.project.public_id}/api_keys", params={"owner_project_access": "maybe"})
    error = error_of(response, 400)
    assert (error["code"], error["param"]) == ("invalid_value", "owner_project_access")
