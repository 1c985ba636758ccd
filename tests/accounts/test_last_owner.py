"""An organisation that has an owner keeps one, whoever changes its members, and in whichever way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.audit.restoring import CannotRestore, restore
from accounts.models import AuditEvent, Membership, Organization, Project, Role, User
from accounts.models.owners import LastOwner
from tests.accounts.conftest import Issue


@pytest.fixture
def owner(user: User, organization: Organization) -> Membership:
    return Membership.objects.create(user=user, organization=organization, role=Role.OWNER)


def demote(member: Membership) -> None:
    member.role = Role.ADMIN
    member.save()


def demote_alone(member: Membership) -> None:
    member.role = Role.ADMIN
    member.save(update_fields=["role"])


def deactivate(member: Membership) -> None:
    member.user.is_active = False
    member.user.save()


def deactivate_alone(member: Membership) -> None:
    member.user.is_active = False
    member.user.save(update_fields=["is_active"])


def move(member: Membership) -> None:
    member.organization = Organization.objects.create(slug="other", name="Other")
    member.save()


def hand_over(member: Membership) -> None:
    member.user = User.objects.create_user("eve", "eve@example.com", is_active=False)
    member.save()


def change_in_bulk(member: Membership) -> None:
    member.role = Role.VIEWER
    Membership.objects.bulk_update([member], ["role"])


WAYS: dict[str, Callable[[Membership], object]] = {
    "demoted": demote,
    "demoted, and nothing else saved": demote_alone,
    "demoted among many": lambda member: Membership.objects.update(role=Role.MEMBER),
    "demoted in bulk": change_in_bulk,
    "moved to another organisation": move,
    "put in the place of somebody who cannot sign in": hand_over,
    "removed": lambda member: member.delete(),
    "removed among many": lambda member: Membership.objects.all().delete(),
    "deactivated": deactivate,
    "deactivated, and nothing else saved": deactivate_alone,
    "deactivated among many": lambda member: User.objects.update(is_active=False),
    "deleted": lambda member: member.user.delete(),
    "deleted among many": lambda member: User.objects.all().delete(),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@every_way
def test_the_last_owner_is_not(way: Callable[[Membership], object], owner: Membership, user: User) -> None:
    events = AuditEvent.objects.filter(organization=owner.organization.public_id).count()
    with pytest.raises(LastOwner, match=f"{owner.organization.name} would be left without an owner") as refusal:
        way(owner)
    assert refusal.value.code == "last_owner"
    assert isinstance(refusal.value, ValidationError)
    kept = Membership.objects.get()
    assert (kept.pk, kept.role, kept.user, kept.organization) == (owner.pk, Role.OWNER, user, kept.organization)
    assert kept.user.is_active
    assert AuditEvent.objects.filter(organization=kept.organization.public_id).count() == events


@pytest.mark.parametrize("way", [way for name, way in WAYS.items() if "among many" not in name])
@pytest.mark.usefixtures("founder")
def test_an_owner_beside_another_may_be(way: Callable[[Membership], object], owner: Membership) -> None:
    home = owner.organization_id
    way(owner)
    left = Membership.objects.filter(organization=home, role=Role.OWNER, user__is_active=True)
    assert [each.user.username for each in left] == ["founder"]


@every_way
def test_an_owner_who_cannot_sign_in_is_none(
    way: Callable[[Membership], object], owner: Membership, founder: User
) -> None:
    User.objects.filter(pk=founder.pk).update(is_active=False)
    with pytest.raises(LastOwner):
        way(owner)


def test_of_several_organisations_each_keeps_its_owner(owner: Membership, founder: User, user: User) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    theirs = Membership.objects.create(user=user, organization=other, role=Role.OWNER)
    with pytest.raises(LastOwner, match="Other would be left"):
        user.delete()
    owner.delete()
    with pytest.raises(LastOwner, match="Other would be left"):
        theirs.delete()
    Membership.objects.create(user=founder, organization=other, role=Role.OWNER)
    user.delete()
    assert set(Membership.objects.values_list("user__username", flat=True)) == {"founder"}


def test_where_there_is_no_owner_nobody_is_kept(user: User, organization: Organization) -> None:
    member = Membership.objects.create(user=user, organization=organization, role=Role.ADMIN)
    demote(member)
    deactivate(member)
    user.delete()
    assert not Membership.objects.exists()


def test_an_organisation_that_ends_needs_no_owner(user: User) -> None:
    organization = Organization.objects.create(slug="brief", name="Brief")
    Membership.objects.create(user=user, organization=organization, role=Role.OWNER)
    organization.delete()
    assert not Membership.objects.exists()


def test_what_changes_nothing_of_an_owner_is_saved(owner: Membership, user: User, issue: Issue) -> None:
    owner.save()
    user.first_name = "Ada"
    user.save()
    User.objects.update(last_name="Lovelace")
    user.refresh_from_db()
    assert user.get_full_name() == "Ada Lovelace"


@pytest.mark.usefixtures("owner", "project")
def test_restoring_does_not_demote_the_last_owner_either(user: User) -> None:
    Membership.objects.update(role=Role.OWNER)
    member = Membership.objects.get()
    other = Membership.objects.create(
        user=User.objects.create_user("bob", "bob@example.com"), organization=member.organization, role=Role.VIEWER
    )
    other.role = Role.OWNER
    other.save()
    raised = AuditEvent.objects.filter(type="user.updated").latest("sequence")
    member.delete()
    with pytest.raises(CannotRestore, match="would be left without an owner"):
        restore(raised)
    assert Membership.objects.get().role == Role.OWNER


# --- In the admin ------------------------------------------------------------------------------------------------


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_staff_are_told_why_and_nothing_changes(staff: Client, owner: Membership, user: User) -> None:
    form = {
        "name": owner.organization.name,
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(owner.pk),
        "memberships-0-organization": str(owner.organization_id),
        "memberships-0-user": str(user.pk),
        "memberships-0-role": "member",
    }
    url = f"/admin/accounts/organization/{owner.organization_id}/change/"
    assert "without an owner" in said(staff.post(url, form, follow=True))
    form |= {"memberships-0-role": "owner", "memberships-0-DELETE": "on"}
    assert "without an owner" in said(staff.post(url, form, follow=True))
    url = f"/admin/accounts/user/{user.pk}/"
    assert "without an owner" in said(staff.post(f"{url}delete/", {"post": "yes"}, follow=True))
    person = {"username": "ada", "email": user.email, "first_name": "Ada", "last_name": ""}
    assert "without an owner" in said(staff.post(f"{url}change/", person, follow=True))
    chosen = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    assert "without an owner" in said(staff.post("/admin/accounts/user/", chosen, follow=True))
    assert Membership.objects.get().role == Role.OWNER
    user.refresh_from_db()
    assert (user.is_active, user.first_name) == (True, "")
    assert not AuditEvent.objects.filter(type__in=["user.deleted", "user.updated", "account.updated"]).exists()
    staff.post(f"{url}change/", {**person, "is_active": "on"})
    user.refresh_from_db()
    assert user.first_name == "Ada"


def test_an_organisation_can_change_hands(staff: Client, owner: Membership, project: Project) -> None:
    eve = User.objects.create_user("eve", "eve@example.com")
    Membership.objects.create(user=eve, organization=project.organization, role=Role.OWNER)
    staff.post(f"/admin/accounts/user/{owner.user_id}/delete/", {"post": "yes"})
    assert Membership.objects.get().user == eve


# --- Names -------------------------------------------------------------------------------------------------------


def test_a_user_is_called_by_the_email_until_a_name_is_told(user: User) -> None:
    assert user.get_full_name() == "ada@example.com"
    user.first_name = "Ada"
    assert user.get_full_name() == "Ada"
