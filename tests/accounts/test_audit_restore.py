"""The log as history: what was before is put back through the normal way."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit.recording import record
from accounts.audit.restoring import CannotRestore, restore
from accounts.models import (
    ApiKey,
    AuditEvent,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    ServiceAccount,
    User,
)
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import path, staff_as, text
from tests.accounts.test_audit import events, last


def event_of(**fields: Any) -> AuditEvent:
    return AuditEvent.objects.filter(**fields).latest("pk")


# --- Restoring -------------------------------------------------------------------------------------------------


def test_what_an_event_changed_is_put_back_and_later_changes_of_other_fields_stay(account: ServiceAccount) -> None:
    account.name = "android"
    account.save()
    renamed = last()
    account.role = "viewer"
    account.save()
    restored = restore(renamed)
    account.refresh_from_db()
    assert restored == account
    assert (account.name, account.role) == ("robot", "viewer")
    assert (last().type, last().changed(), last().after["name"]) == ("service_account.updated", ["name"], "robot")


def test_a_list_and_a_moment_come_back_as_they_were(issue: Issue) -> None:
    expires = timezone.now() + timedelta(days=1)
    key, _ = issue(expires_at=expires, scopes=["model.read"])
    key.expires_at, key.scopes = None, ["flags.read"]
    key.save()
    restore(last())
    key.refresh_from_db()
    assert (key.expires_at, key.scopes) == (expires, ["model.read"])


def test_a_deleted_role_is_given_again(user: User, project: Project) -> None:
    member = Membership.objects.create(user=user, organization=project.organization, role="viewer")
    assigned = ProjectMembership.objects.create(membership=member, project=project, role="admin")
    assigned.delete()
    restore(last())
    assert ProjectMembership.objects.get().role == "admin"
    member.delete()
    restore(event_of(type="user.deleted"))
    again = Membership.objects.get()
    assert (again.user, again.organization, again.role) == (user, project.organization, "viewer")


def test_a_deleted_service_account_comes_back_under_its_id_without_its_keys(
    account: ServiceAccount, issue: Issue
) -> None:
    issue()
    account.delete()
    restore(event_of(type="service_account.deleted"))
    again = ServiceAccount.objects.get()
    assert (again.public_id, again.name, again.role) == (account.public_id, "robot", "owner")
    assert again.organization_role == ""  # which only superusers give
    with pytest.raises(CannotRestore, match="cannot be made again"):
        restore(event_of(type="api_key.deleted"))
    assert ApiKey.objects.count() == 0


def refuse(event: AuditEvent, message: str) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(CannotRestore, match=message):
        restore(event)
    assert AuditEvent.objects.count() == before


def test_what_is_for_good_stays(issue: Issue, organization: Organization, user: User) -> None:
    key, _ = issue()
    key.revoke()
    refuse(last(), "changed for good")
    old = Project.objects.create(organization=organization, name="Old")
    old.archive()
    refuse(last(), "changed for good")
    user.set_password("another")
    user.save()
    refuse(last(), "changed for good")
    account = ServiceAccount.objects.get()
    account.organization_role = ""
    account.save()
    refuse(last(), "changed for good")
    user.is_superuser = True
    user.save()
    user.is_superuser = False
    user.save()
    refuse(last(), "changed for good")


def test_what_cannot_be_put_back_is_refused_with_the_reason(
    account: ServiceAccount, user: User, project: Project
) -> None:
    refuse(event_of(type="service_account.created"), "Nothing was there before")
    account.name = "android"
    account.save()
    renamed = last()
    other = ServiceAccount.objects.create(project=project, name="robot")
    refuse(renamed, "would not be valid now: .*of this name already")
    other.delete()
    account.delete()
    deleted = event_of(type="service_account.deleted", target_id=account.public_id)
    refuse(renamed, "not there any longer")
    restore(deleted)
    refuse(deleted, "cannot be made again")
    member = Membership.objects.create(user=user, organization=project.organization)
    member.delete()
    gone = last()
    user.delete()
    refuse(gone, "user is not there any longer")


@pytest.mark.parametrize("target_type", ["", "flag", "features.nothing", "auth.group", "nothing.at.all"])
def test_what_is_no_audited_model_cannot_be_restored(database: None, target_type: str) -> None:
    refuse(AuditEvent(target_type=target_type, target_id="1", before={}, after={}), "cannot be restored")


# --- The audit browser -----------------------------------------------------------------------------------------

PAGE = "auditevent"


def shown(client: Client, **filters: str) -> set[str]:
    page = client.get(path(PAGE), filters)
    assert page.status_code == 200
    assert page.context["cl"].show_full_result_count is False
    return {event.type for event in page.context["cl"].queryset}


def test_the_log_is_read_filtered_and_searched(staff: Client, issue: Issue, organization: Organization) -> None:
    key, _ = issue(name="laptop")
    key.revoke()
    everything = shown(staff)
    assert {"organization.created", "project.created", "service_account.created", "api_key.deleted"} <= everything
    assert shown(staff, verb="deleted") == {"api_key.deleted"}
    assert shown(staff, target_type="accounts.project") == {"project.created"}
    assert shown(staff, source="code") == everything
    assert shown(staff, source="admin") == set()
    assert shown(staff, actor_kind="system") == everything
    server = {"account.created", "model.created", "upstream.created"}
    assert shown(staff, organization="server") == server
    assert shown(staff, organization=organization.public_id) == everything - server
    assert shown(staff, created_at__gte="2001-01-01 00:00:00+00:00") == everything
    assert shown(staff, created_at__lt="2001-01-01 00:00:00+00:00") == set()
    assert shown(staff, q="laptop") == {"api_key.created", "api_key.deleted"}
    assert shown(staff, q=key.public_id) == {"api_key.created", "api_key.deleted"}


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(staff: Client, project: Project) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(path(PAGE)).status_code == 200
        return len(captured)

    few = queries()
    for number in range(10):
        ServiceAccount.objects.create(project=project, name=f"robot {number}")
    assert queries() == few
    assert few <= 10


def test_an_event_shows_both_sides_beside_each_other(staff: Client, account: ServiceAccount) -> None:
    ServiceAccount.objects.update(name="<b>android</b>")
    page = text(staff.get(path(PAGE, last().pk, "change")))
    row = page[page.index('scope="row">name<') :]
    row = row[: row.index("</tr>")]
    assert re.search(r"lukhas-before[^>]*>robot</td>", row)
    assert re.search(r"lukhas-after[^>]*>&lt;b&gt;android&lt;/b&gt;</td>", row)
    assert page.count("dark:border-base-800 changed") == 1
    same = page[page.index("What stayed the same") :]
    assert 'scope="row">role in the organisation<' in same
    assert "lukhas-before" not in same
    assert last().hash in page


def test_what_was_made_or_ended_shows_one_side_and_nothing_that_stayed(staff: Client, account: ServiceAccount) -> None:
    page = text(staff.get(path(PAGE, event_of(type="service_account.created").pk, "change")))
    assert ">robot</td>" in page
    assert "lukhas-before" not in page
    assert "What stayed the same" not in page


def test_that_a_secret_changed_is_shown_and_the_secret_is_not(staff: Client, user: User) -> None:
    user.set_password("difference-engine")
    user.save()
    page = text(staff.get(path(PAGE, last().pk, "change")))
    assert re.search(r"lukhas-before[^>]*>\(not shown\)</td>", page)
    assert re.search(r"lukhas-after[^>]*>\(changed\)</td>", page)
    assert user.password not in page


def test_the_list_tells_in_a_line_what_changed_where(
    staff: Client, account: ServiceAccount, organization: Organization
) -> None:
    ServiceAccount.objects.update(name="android")
    page = text(staff.get(path(PAGE), {"verb": "updated"}))
    assert "name: robot → android" in page
    assert organization.name in page
    ServiceAccount.objects.update(name="x" * 200)
    assert re.search("name: android → x{50,120}…", text(staff.get(path(PAGE))))
    assert "the whole server" in text(staff.get(path(PAGE), {"organization": "server"}))


def test_an_organisation_that_is_gone_is_told_by_its_id(staff: Client) -> None:
    record("flag.updated", target_type="", target_id="1", before={"a": 1}, after={"a": 2}, organizations=["org-gone"])
    assert "org-gone" in text(staff.get(path(PAGE)))
    assert "org-gone" in text(staff.get(path(PAGE, last().pk, "change")))


def test_an_event_leads_to_those_of_its_type_actor_and_target(staff: Client, account: ServiceAccount) -> None:
    staff.post(path("serviceaccount", account.pk, "change"), {"name": "android", "role": "owner"})
    event = last()
    page = text(staff.get(path(PAGE, event.pk, "change")))
    for name in ("type", "actor_id", "target_id"):
        value = str(getattr(event, name))
        assert f'href="/admin/accounts/auditevent/?{name}={value}"' in page
        found = staff.get(path(PAGE), {name: value}).context["cl"].queryset
        assert {getattr(each, name) for each in found} == {value}
    assert len(shown(staff, target_id=event.target_id)) == 2
    assert "actor_id=" not in text(staff.get(path(PAGE, event_of(source="code").pk, "change")))


def test_an_event_is_restored_from_its_own_page(staff: Client, account: ServiceAccount) -> None:
    ServiceAccount.objects.update(name="android")
    event = last()
    assert f"/admin/accounts/auditevent/{event.pk}/restore/" in text(staff.get(path(PAGE, event.pk, "change")))
    question = text(staff.get(path(PAGE, event.pk, "restore")))
    assert "Put back what these changes replaced?" in question
    assert 'action="/admin/accounts/auditevent/"' in question
    assert f'name="_selected_action" value="{event.pk}"' in question
    assert ServiceAccount.objects.get().name == "android"
    made = event_of(type="service_account.created")
    assert "/restore/" not in text(staff.get(path(PAGE, made.pk, "change")))
    assert staff.get(path(PAGE, made.pk, "restore")).status_code == 404


def test_who_may_not_restore_has_no_button(account: ServiceAccount, organization: Organization) -> None:
    ServiceAccount.objects.update(name="android")
    event = last()
    client = staff_as("admin", organization)
    assert "/restore/" not in text(client.get(path(PAGE, event.pk, "change")))
    assert client.get(path(PAGE, event.pk, "restore")).status_code == 403


def test_the_log_is_for_reading_only(staff: Client, account: ServiceAccount) -> None:
    event = last()
    assert staff.get(path(PAGE, "add")).status_code == 403
    assert staff.post(path(PAGE, event.pk, "change"), {"type": "x"}).status_code == 403
    assert staff.post(path(PAGE, event.pk, "delete"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text(staff.get(path(PAGE)))


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("admin", True), ("member", False), ("viewer", False)])
def test_staff_of_one_organisation_see_only_its_rows(organization: Organization, role: str, sees: bool) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    theirs = event_of(organization=other.public_id)
    client = staff_as(role, organization)
    page = client.get(path(PAGE))
    assert page.status_code == (200 if sees else 403)
    assert client.get(path(PAGE, theirs.pk, "change")).status_code == (302 if sees else 403)
    if not sees:
        return
    assert {event.organization for event in page.context["cl"].queryset} == {organization.public_id}
    assert other.public_id not in text(page)
    assert "The whole server" not in text(page)
    narrowed = client.get(path(PAGE), {"organization": other.public_id}).context["cl"].queryset
    assert list(narrowed) == []


def restoring(client: Client, *chosen: AuditEvent, **fields: str) -> str:
    data = {"action": "restore_selected", "_selected_action": [event.pk for event in chosen], **fields}
    return text(client.post(path(PAGE), data, follow=True))


def test_restoring_asks_first_and_then_undoes_the_newest_first(staff: Client, account: ServiceAccount) -> None:
    for name in ("android", "cyborg"):
        ServiceAccount.objects.update(name=name)
    chosen = events("service_account.updated")
    assert "Put back what these changes replaced?" in restoring(staff, *chosen)
    assert ServiceAccount.objects.get().name == "cyborg"
    assert "Restored: 2." in restoring(staff, *chosen, post="yes")
    assert ServiceAccount.objects.get().name == "robot"
    assert (last().source, last().actor_name) == ("admin", "root@example.com")
    answer = restoring(staff, event_of(type="service_account.created"), post="yes")
    assert "Nothing was there before" in answer
    assert "Restored: 0." in answer


def test_owners_restore_what_they_could_change_by_hand(account: ServiceAccount, organization: Organization) -> None:
    ServiceAccount.objects.update(name="android")
    changed = last()
    client = staff_as("admin", organization)
    assert "Restored" not in restoring(client, changed, post="yes")
    assert ServiceAccount.objects.get().name == "android"
    Membership.objects.update(role="owner")
    assert "Restored: 1." in restoring(client, changed, post="yes")
    assert ServiceAccount.objects.get().name == "robot"
    account.refresh_from_db()
    account.delete()
    assert "Restored: 1." in restoring(client, last(), post="yes")
    assert ServiceAccount.objects.get().name == "robot"


def test_owners_do_not_restore_what_is_of_the_whole_server(organization: Organization, user: User) -> None:
    client = staff_as("owner", organization)
    Membership.objects.create(user=user, organization=organization, role="viewer")
    user.email = "countess@example.com"
    user.save()
    assert "You may not restore this user." in restoring(client, last(), post="yes")
    user.refresh_from_db()
    assert user.email == "countess@example.com"


# --- Roles in the admin ----------------------------------------------------------------------------------------


def test_members_of_the_organisation_get_roles_on_the_projects_page(
    staff: Client, user: User, project: Project, organization: Organization
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    member = Membership.objects.create(user=user, organization=organization)
    stranger = Membership.objects.create(user=user, organization=other)
    page = text(staff.get(path("project", project.pk, "change")))
    assert f'<option value="{member.pk}">' in page
    assert f'<option value="{stranger.pk}">' not in page
    data = {
        "name": project.name,
        "model_permissions-TOTAL_FORMS": "0",
        "model_permissions-INITIAL_FORMS": "0",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-project": project.pk,
        "memberships-0-role": "admin",
    }
    staff.post(path("project", project.pk, "change"), {**data, "memberships-0-membership": stranger.pk})
    assert not ProjectMembership.objects.exists()
    staff.post(path("project", project.pk, "change"), {**data, "memberships-0-membership": member.pk})
    assigned = ProjectMembership.objects.get()
    assert (assigned.membership, assigned.role) == (member, "admin")
    assert (last().type, last().source) == ("role.assignment.created", "admin")


def test_who_may_only_look_sees_the_members_of_a_project(user: User, project: Project) -> None:
    member = Membership.objects.create(user=user, organization=project.organization)
    ProjectMembership.objects.create(membership=member, project=project)
    client = staff_as("member", project.organization, project=project, project_role="viewer")
    assert "ada, member of" in text(client.get(path("project", project.pk, "change")))


def test_only_superusers_give_a_service_account_a_role_in_the_organisation(account: ServiceAccount) -> None:
    client = staff_as("owner", account.project.organization)
    data = {"name": "robot", "role": "viewer", "organization_role": "viewer"}
    assert client.post(path("serviceaccount", account.pk, "change"), data).status_code == 302
    account.refresh_from_db()
    assert (account.role, account.organization_role) == ("viewer", "owner")
