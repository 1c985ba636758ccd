"""/v1/organization/users."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from django.db import models
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Membership, ProjectMembership, User
from accounts.roles import RANKS, Role
from tests.api.organization.conftest import Http, Sdk, World, error_of


def role_of(user: User) -> str | None:
    """What the user is in the one organisation that matters."""
    member = Membership.objects.filter(user=user).first()
    return None if member is None else member.role


def second_owner(world: World) -> User:
    user = User.objects.create_user("second", "second@example.com")
    Membership.objects.create(user=user, organization=world.organization, role=Role.OWNER)
    return user


def test_users_are_listed_in_the_order_in_which_they_joined(admin: openai.OpenAI, world: World) -> None:
    first, second = admin.admin.organization.users.list()
    assert (first.id, first.object, first.role) == (world.owner.public_id, "organization.user", "owner")
    assert (first.name, first.email) == ("Ada ours", "owner@ours.example.com")
    assert (second.id, second.role) == (world.member.public_id, "member")
    assert (first.is_service_account, first.created) == (False, int(world.owner.date_joined.timestamp()))
    assert second.added_at == int(Membership.objects.get(user=world.member).created_at.timestamp())


def test_a_user_without_a_name_is_shown_by_the_email(admin: openai.OpenAI, world: World) -> None:
    user = admin.admin.organization.users.retrieve(world.member.public_id)
    assert user.name == user.email == "member@ours.example.com"
    assert user.user is not None
    assert (user.user.id, user.user.name, user.user.enabled) == (user.id, user.email, True)


def test_users_are_found_by_their_emails_in_whatever_letters(
    admin: openai.OpenAI, world: World, elsewhere: World
) -> None:
    users = admin.admin.organization.users
    assert [each.id for each in users.list(emails=["Member@Ours.Example.COM"])] == [world.member.public_id]
    both = [world.owner.email, world.member.email, elsewhere.owner.email, "nobody@example.com"]
    assert [each.id for each in users.list(emails=both)] == [world.owner.public_id, world.member.public_id]
    assert list(users.list(emails=[elsewhere.owner.email])) == []


def test_a_user_who_may_not_sign_in_is_listed_and_said_not_to_be_enabled(admin: openai.OpenAI, world: World) -> None:
    User.objects.filter(pk=world.member.pk).update(is_active=False)
    user = admin.admin.organization.users.retrieve(world.member.public_id)
    assert user.user is not None
    assert user.user.enabled is False


def test_when_a_key_of_the_user_was_last_used_here_is_told(
    admin: openai.OpenAI, world: World, elsewhere: World
) -> None:
    users = admin.admin.organization.users
    user = world.member
    Membership.objects.create(user=user, organization=elsewhere.organization, role=Role.OWNER)
    member = Membership.objects.get(user=user, organization=world.organization)
    ProjectMembership.objects.create(membership=member, project=world.project)
    now = timezone.now()
    there = ApiKey.issue(name="b", organization=elsewhere.organization, project=elsewhere.project, user=user)[0]
    models.QuerySet(ApiKey).filter(pk=there.pk).update(last_used_at=now)
    assert users.retrieve(user.public_id).api_key_last_used_at is None
    for hours in (2, 5):
        here = ApiKey.issue(name="a", organization=world.organization, project=world.project, user=user)[0]
        models.QuerySet(ApiKey).filter(pk=here.pk).update(last_used_at=now - timedelta(hours=hours))
    assert users.retrieve(user.public_id).api_key_last_used_at == int((now - timedelta(hours=2)).timestamp())


@pytest.mark.parametrize(
    ("name", "role"),
    [("owner", "owner"), ("admin", "admin"), ("member", "member"), ("viewer", "viewer"), ("reader", "viewer")],
)
def test_a_user_is_given_a_role_by_our_names_and_by_the_specifications(
    admin: openai.OpenAI, world: World, name: str, role: str
) -> None:
    users = admin.admin.organization.users
    assert users.update(world.member.public_id, role=name).role == role
    assert role_of(world.member) == role
    again = users.update(world.member.public_id, role=name)
    assert again.role == role


def test_a_role_that_is_not_said_stays(api: httpx.Client, world: World) -> None:
    for body in ({}, {"role": None}, {"technical_level": None}):
        assert api.post(f"/users/{world.member.public_id}", json=body).json()["role"] == "member"
    assert not AuditEvent.objects.filter(type="user.updated").exists()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"role": "emperor"}, "invalid_value", "role"),
        ({"role": ""}, "invalid_value", "role"),
        ({"role": "none"}, "invalid_value", "role"),
        ({"role": "Owner"}, "invalid_value", "role"),
        ({"role": 1}, "invalid_type", "role"),
        ({"role": ["owner"]}, "invalid_type", "role"),
        ({"technical_level": "high"}, "unsupported_parameter", "technical_level"),
        ({"developer_persona": "x"}, "unsupported_parameter", "developer_persona"),
        ({"email": "mine@example.com"}, "unknown_parameter", "email"),
        ({"is_superuser": True}, "unknown_parameter", "is_superuser"),
        ({"organization": "org-other"}, "unknown_parameter", "organization"),
        ({"id": "user-other"}, "unknown_parameter", "id"),
    ],
)
def test_nothing_else_of_a_user_can_be_changed(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    before = list(User.objects.values()), list(Membership.objects.values())
    error = error_of(api.post(f"/users/{world.member.public_id}", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert (list(User.objects.values()), list(Membership.objects.values())) == before


@pytest.mark.parametrize("new", list(Role))
@pytest.mark.parametrize("old", list(Role))
@pytest.mark.parametrize("actor", [Role.OWNER, Role.ADMIN])
def test_nobody_gives_or_takes_away_a_role_above_their_own(
    http: Http, world: World, actor: Role, old: Role, new: Role
) -> None:
    client = http(world.admin(actor))
    Membership.objects.filter(user=world.member).update(role=old)
    response = client.post(f"/users/{world.member.public_id}", json={"role": new.value})
    if old != new and RANKS[actor] < max(RANKS[old], RANKS[new]):
        error = error_of(response, 403)
        assert error["code"] == "insufficient_permissions"
        assert "organization.owners.update" in error["message"]
        assert role_of(world.member) == old
    else:
        assert response.json()["role"] == new
        assert role_of(world.member) == new


def test_an_admin_does_not_raise_themselves(http: Http, world: World) -> None:
    client = http(world.admin(Role.ADMIN))
    myself = User.objects.get(memberships__role=Role.ADMIN)
    assert error_of(client.post(f"/users/{myself.public_id}", json={"role": "owner"}), 403)
    assert role_of(myself) == Role.ADMIN


def test_an_admin_removes_admins_and_no_owners(http: Http, world: World) -> None:
    client = http(world.admin(Role.ADMIN))
    error = error_of(client.delete(f"/users/{world.owner.public_id}"), 403)
    assert "organization.owners.update" in error["message"]
    assert role_of(world.owner) == Role.OWNER
    Membership.objects.filter(user=world.member).update(role=Role.ADMIN)
    assert client.delete(f"/users/{world.member.public_id}").status_code == 200


def test_what_is_remembered_of_a_caller_gives_no_role_that_the_caller_has_lost(http: Http, world: World) -> None:
    client = http(world.admin(Role.OWNER))
    user = User.objects.order_by("pk").last()
    assert user is not None
    assert client.get("/users").status_code == 200  # remembers the caller
    # As another process does: nothing of it is known here for up to four seconds.
    models.QuerySet(Membership).filter(user=user).update(role=Role.ADMIN)
    url = f"/users/{world.member.public_id}"
    assert error_of(client.post(url, json={"role": "owner"}), 403)["code"] == "insufficient_permissions"
    models.QuerySet(Membership).filter(user=user).update(role=Role.VIEWER)
    assert error_of(client.delete(url), 403)["code"] == "insufficient_permissions"
    models.QuerySet(User).filter(pk=user.pk).update(is_active=False)
    assert error_of(client.delete(url), 401)["code"] == "invalid_api_key"
    models.QuerySet(ApiKey).filter(user=user).update(revoked_at=timezone.now())
    assert error_of(client.delete(url), 401)["code"] == "invalid_api_key"
    assert role_of(world.member) == Role.MEMBER


# --- Leaving -----------------------------------------------------------------------------------------------------


def test_a_deleted_user_is_no_member_any_more_and_the_keys_fall(
    admin: openai.OpenAI, make_sdk: Sdk, world: World
) -> None:
    member = Membership.objects.get(user=world.member)
    ProjectMembership.objects.create(membership=member, project=world.project)
    token = ApiKey.issue(name="k", organization=world.organization, project=world.project, user=world.member)[1]
    caller = make_sdk(api_key=token)
    assert caller.models.list().data
    gone = admin.admin.organization.users.delete(world.member.public_id)
    assert (gone.object, gone.id, gone.deleted) == ("organization.user.deleted", world.member.public_id, True)
    with pytest.raises(openai.AuthenticationError):
        caller.models.list()
    assert not ProjectMembership.objects.exists()
    with pytest.raises(openai.NotFoundError):
        admin.admin.organization.users.retrieve(world.member.public_id)
    with pytest.raises(openai.NotFoundError):
        admin.admin.organization.users.delete(world.member.public_id)


def test_a_deleted_user_stays_in_other_organisations(api: httpx.Client, world: World, elsewhere: World) -> None:
    Membership.objects.create(user=world.member, organization=elsewhere.organization, role=Role.ADMIN)
    assert api.delete(f"/users/{world.member.public_id}").status_code == 200
    assert [each.organization for each in world.member.memberships.all()] == [elsewhere.organization]
    assert User.objects.get(pk=world.member.pk).is_active


def test_the_last_owner_is_neither_deleted_nor_demoted(api: httpx.Client, world: World) -> None:
    url = f"/users/{world.owner.public_id}"
    for response in (api.delete(url), api.post(url, json={"role": "admin"}), api.post(url, json={"role": "reader"})):
        error = error_of(response, 400)
        assert error["code"] == "last_owner"
        assert "without an owner" in error["message"]
    assert role_of(world.owner) == Role.OWNER
    second_owner(world)
    assert api.post(url, json={"role": "admin"}).json()["role"] == "admin"


def test_an_owner_who_cannot_sign_in_does_not_count(api: httpx.Client, world: World) -> None:
    second = second_owner(world)
    User.objects.filter(pk=second.pk).update(is_active=False)
    assert error_of(api.delete(f"/users/{world.owner.public_id}"), 400)["code"] == "last_owner"
    assert api.delete(f"/users/{second.public_id}").status_code == 200


def test_of_two_owners_who_delete_each_other_at_once_one_stays(http: Http, world: World) -> None:
    second = second_owner(world)
    token = ApiKey.issue(name="a2", organization=world.organization, user=second, is_admin=True)[1]
    pairs = [(http(world.admin_token), second), (http(token), world.owner)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: pair[0].delete(f"/users/{pair[1].public_id}").status_code, pairs))
    assert min(answers) == 200
    assert max(answers) in (400, 401, 403)
    assert Membership.objects.filter(organization=world.organization, role=Role.OWNER).count() == 1


def test_of_many_owners_who_all_leave_at_once_one_stays(http: Http, world: World) -> None:
    owners = [world.owner]
    tokens = [world.admin_token]
    for at in range(5):
        user = User.objects.create_user(f"o{at}", f"o{at}@example.com")
        Membership.objects.create(user=user, organization=world.organization, role=Role.OWNER)
        tokens.append(ApiKey.issue(name=f"o{at}", organization=world.organization, user=user, is_admin=True)[1])
        owners.append(user)
    pairs = [(http(token), owner) for token, owner in zip(tokens, owners, strict=True)]
    with ThreadPoolExecutor(len(pairs)) as pool:
        answers = list(pool.map(lambda pair: pair[0].delete(f"/users/{pair[1].public_id}"), pairs))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400]
    assert Membership.objects.filter(organization=world.organization, role=Role.OWNER).count() == 1


# --- Written down ------------------------------------------------------------------------------------------------


def test_what_happens_to_users_is_on_the_audit_log(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    organization.users.update(world.member.public_id, role="viewer")
    organization.users.delete(world.member.public_id)
    deleted, updated = list(organization.audit_logs.list(limit=2).data)
    assert (deleted.type, updated.type) == ("user.deleted", "user.updated")
    assert deleted.user_deleted is not None
    assert deleted.user_deleted.id == world.member.public_id
    assert updated.user_updated is not None
    assert updated.user_updated.id == world.member.public_id
    assert updated.user_updated.changes_requested is not None
    assert updated.user_updated.changes_requested.role == "viewer"
    assert updated.actor is not None
    assert updated.actor.api_key is not None
    assert updated.actor.api_key.id == world.admin_key.public_id
