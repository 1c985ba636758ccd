"""The staff pages of accounts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.keys import digest
from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, ServiceAccount, User
from accounts.scopes import DEFAULT_SCOPES
from tests.accounts.conftest import Issue

PAGES = ("user", "organization", "project", "serviceaccount", "apikey")
INLINES = ("memberships", "model_permissions")
WHEN_EMPTY = {"expires_at_0": "", "expires_at_1": ""}


def path(page: str, *parts: object) -> str:
    return "/admin/" + "".join(f"{part}/" for part in ("accounts", page, *parts))


def text(response: Any) -> str:
    return str(response.content.decode())


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def staff_as(
    role: str, organization: Organization, *, project: Project | None = None, project_role: str = ""
) -> Client:
    """A browser of somebody on the staff who has just these roles, and none of Django's permissions."""
    user = User.objects.create_user("clerk", "clerk@example.com", is_staff=True)
    member = Membership.objects.create(user=user, organization=organization, role=role)
    if project is not None:
        ProjectMembership.objects.create(membership=member, project=project, role=project_role)
    client = Client()
    client.force_login(user)
    return client


# --- Every page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_list_is_shown_searched_and_opened(page: str, staff: Client, issue: Issue, user: User) -> None:
    issue(user=user)
    issue()
    assert staff.get(path(page)).status_code == 200
    assert staff.get(path(page), {"q": "a"}).status_code == 200
    for row in staff.get(path(page)).context["cl"].queryset:
        assert staff.get(path(page, row.pk, "change")).status_code == 200
    assert staff.get(path(page, "add")).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    page: str, staff: Client, issue: Issue, organization: Organization
) -> None:
    def grow(number: int) -> None:
        home = Organization.objects.create(slug=f"org{number}", name=f"Organisation {number}")
        project = Project.objects.create(organization=home, name=f"Project {number}")
        robot = ServiceAccount.objects.create(project=project, name=f"robot {number}")
        person = User.objects.create_user(f"user{number}", f"user{number}@example.com")
        issue(organization=home, project=project, service_account=robot)
        issue(user=person)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(path(page)).status_code == 200
        return len(captured)

    grow(0)
    staff.get(path(page))
    few = queries()
    for number in range(1, 10):
        grow(number)
    assert queries() == few
    assert few <= 12


@pytest.mark.parametrize("page", PAGES)
def test_the_lists_are_not_counted_whole(page: str, staff: Client, organization: Organization) -> None:
    assert staff.get(path(page), {"q": "a"}).context["cl"].show_full_result_count is False


@pytest.mark.parametrize("page", ["organization", "project", "apikey"])
def test_what_others_rest_on_cannot_be_deleted(page: str, staff: Client, issue: Issue) -> None:
    key, _ = issue()
    rows: dict[str, Any] = {"organization": key.organization, "project": key.project, "apikey": key}
    assert staff.post(path(page, rows[page].pk, "delete"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text(staff.get(path(page)))
    assert ApiKey.objects.count() == 1


def test_strangers_see_nothing(issue: Issue, user: User) -> None:
    client = Client()
    client.force_login(user)
    for page in PAGES:
        assert client.get(path(page)).status_code == 302


# --- Keys ------------------------------------------------------------------------------------------------------


def add_key(client: Client, account: ServiceAccount, **fields: Any) -> Any:
    data = {
        "name": "from the admin",
        "organization": account.project.organization_id,
        "project": account.project_id,
        "service_account": account.pk,
        "user": "",
        "scopes": list(DEFAULT_SCOPES),
        **WHEN_EMPTY,
        **fields,
    }
    return client.post(path("apikey", "add"), data)


def shown_key(response: HttpResponse) -> str:
    match = re.search(r'<code id="issued-key"[^>]*>([^<]+)</code>', text(response))
    assert match, text(response)
    return match[1]


def test_a_new_key_is_shown_once_on_a_page_that_nobody_may_store(staff: Client, account: ServiceAccount) -> None:
    response = add_key(staff, account)
    token = shown_key(response)
    key = ApiKey.objects.get()
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert response.wsgi_request.META["lukhas"].secret is True
    assert token.startswith("sk-lukhas-")
    assert key.digest == digest(token)
    assert (key.service_account, key.project, key.scopes) == (account, account.project, list(DEFAULT_SCOPES))
    assert text(response).count(token) == 1
    for page in (path("apikey"), path("apikey", key.pk, "change"), path("apikey", key.pk, "history"), "/admin/"):
        assert token not in text(staff.get(page))
    assert not any(token in str(cookie) for cookie in staff.cookies.values())
    assert token not in repr(dict(staff.session))
    assert token not in repr(list(LogEntry.objects.values()))


def test_the_digest_of_a_key_is_never_shown(staff: Client, issue: Issue) -> None:
    key, _ = issue()
    for page in (path("apikey"), path("apikey", key.pk, "change")):
        assert key.masked in text(staff.get(page))
        assert key.digest not in text(staff.get(page))


def test_a_key_may_be_of_a_user_with_some_scopes_and_a_last_day(
    staff: Client, account: ServiceAccount, user: User
) -> None:
    member = Membership.objects.create(user=user, organization=account.project.organization)
    ProjectMembership.objects.create(membership=member, project=account.project)
    tomorrow = timezone.now() + timedelta(days=1)
    last = {"expires_at_0": f"{tomorrow:%Y-%m-%d}", "expires_at_1": f"{tomorrow:%H:%M:%S}"}
    shown_key(add_key(staff, account, user=user.pk, service_account="", scopes=["model.read"], **last))
    key = ApiKey.objects.get()
    assert (key.user, key.service_account, key.scopes) == (user, None, ["model.read"])
    assert key.expires_at == tomorrow.replace(microsecond=0)


def test_an_admin_key_holds_admin_scopes_whatever_is_ticked(staff: Client, account: ServiceAccount) -> None:
    token = shown_key(add_key(staff, account, is_admin="on", project=""))
    key = ApiKey.objects.get()
    assert token.startswith("sk-admin-lukhas-")
    assert (key.is_admin, key.project, key.scopes) == (True, None, ["admin.*"])


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"service_account": ""}, "__all__", "owned by either a user or a service account"),
        ({"user": "user"}, "__all__", "owned by either a user or a service account"),
        ({"project": ""}, "__all__", "A key has a project, unless it is an admin key"),
        ({"is_admin": "on"}, "__all__", "A key has a project, unless it is an admin key"),
        ({"scopes": ["admin.*"]}, "scopes", "not one of the available choices"),
        ({"scopes": ["model.write"]}, "scopes", "not one of the available choices"),
        ({"organization": ""}, "organization", "This field is required."),
        ({"organization": "other"}, "__all__", "The project is of another organisation."),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00"}, "__all__", "expired already"),
    ],
)
def test_a_key_that_does_not_fit_together_is_not_made(
    staff: Client, account: ServiceAccount, user: User, fields: dict[str, Any], where: str, message: str
) -> None:
    rows = {"user": user.pk, "other": Organization.objects.create(slug="other", name="Other").pk}
    values = {name: rows.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    response = add_key(staff, account, **values)
    assert any(message in error for error in errors(response)[where])
    assert ApiKey.objects.count() == 0


def test_of_a_key_only_name_scopes_and_last_day_can_be_changed(
    staff: Client, issue: Issue, user: User, account: ServiceAccount
) -> None:
    key, _ = issue()
    before = ApiKey.objects.filter(pk=key.pk).values().get()
    changes = {
        "name": "renamed",
        "scopes": ["flags.read"],
        "expires_at_0": "2001-01-01",
        "expires_at_1": "00:00:00",
        "user": user.pk,
        "service_account": "",
        "project": "",
        "is_admin": "on",
        "digest": "0" * 64,
        "public_id": "key_mine",
        "revoked_at": "2001-01-01",
    }
    assert staff.post(path("apikey", key.pk, "change"), changes).status_code == 302
    after = ApiKey.objects.filter(pk=key.pk).values().get()
    assert {name for name in after if after[name] != before[name]} == {"name", "scopes", "expires_at"}
    assert (after["name"], after["scopes"]) == ("renamed", ["flags.read"])


def test_the_scopes_of_an_admin_key_cannot_be_changed(staff: Client, issue: Issue) -> None:
    key, _ = issue(is_admin=True)
    data = {"name": "renamed", "scopes": ["model.read"], **WHEN_EMPTY}
    assert staff.post(path("apikey", key.pk, "change"), data).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("renamed", ["admin.*"])


def test_adding_a_key_offers_no_button_that_would_skip_its_page(staff: Client, project: Project) -> None:
    page = text(staff.get(path("apikey", "add")))
    assert 'name="_save"' in page
    assert "_addanother" not in page
    assert "_continue" not in page


def test_the_form_has_everything_but_administering_ticked(staff: Client, project: Project) -> None:
    page = text(staff.get(path("apikey", "add")))
    ticked = re.findall(r'<input type="checkbox" name="scopes" value="([^"]+)"[^>]*checked', page)
    assert ticked == list(DEFAULT_SCOPES)
    assert 'value="admin.*"' not in page


def test_revoking_asks_first_and_then_ends_the_chosen_keys(staff: Client, issue: Issue) -> None:
    chosen, ended, other = issue(name="chosen")[0], issue(name="ended")[0], issue(name="other")[0]
    ended.revoke()
    data = {"action": "revoke_selected", "_selected_action": [chosen.pk, ended.pk]}
    question = staff.post(path("apikey"), data)
    assert "They stop working within five seconds" in text(question)
    assert chosen.masked in text(question)
    assert other.masked not in text(question)
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 1
    answered = dict(re.findall(r'<input type="hidden" name="(action|post)" value="([^"]+)"', text(question)))
    done = staff.post(path("apikey"), {**data, **answered}, follow=True)
    assert "Revoked: 1." in text(done)
    assert [key.name for key in ApiKey.objects.filter(revoked_at__isnull=True)] == ["other"]
    assert [entry.object_repr for entry in LogEntry.objects.all()] == [str(chosen)]


@pytest.mark.parametrize(
    ("state", "names"),
    [("open", ["good", "good for a while"]), ("revoked", ["revoked"]), ("expired", ["expired"]), ("", None)],
)
def test_the_list_can_be_narrowed_to_a_state(staff: Client, issue: Issue, state: str, names: list[str] | None) -> None:
    issue(name="good")
    issue(name="good for a while", expires_at=timezone.now() + timedelta(days=1))
    issue(name="revoked")[0].revoke()
    expired, _ = issue(name="expired")
    expired.expires_at = timezone.now() - timedelta(days=1)
    expired.save()
    shown = staff.get(path("apikey"), {"state": state} if state else {}).context["cl"].queryset
    assert sorted(key.name for key in shown) == sorted(names or ["good", "good for a while", "revoked", "expired"])


def test_who_may_only_look_neither_adds_nor_revokes(issue: Issue, account: ServiceAccount) -> None:
    key, _ = issue()
    client = staff_as("viewer", account.project.organization)
    assert add_key(client, account).status_code == 403
    client.post(path("apikey"), {"action": "revoke_selected", "_selected_action": [key.pk], "post": "yes"})
    key.refresh_from_db()
    assert key.revoked_at is None


# --- Projects --------------------------------------------------------------------------------------------------


def archive(staff: Client, *projects: Project, **fields: str) -> str:
    data = {"action": "archive_selected", "_selected_action": [project.pk for project in projects], **fields}
    return text(staff.post(path("project"), data, follow=True))


def test_archiving_asks_first_and_then_archives_each_project_once(staff: Client, organization: Organization) -> None:
    old = Project.objects.create(organization=organization, name="Old")
    older = Project.objects.create(organization=organization, name="Older")
    older.archive()
    assert "Their API keys stop working at once" in archive(staff, old, older)
    assert Project.objects.open().filter(pk=old.pk).exists()
    assert "Archived: 1." in archive(staff, old, older, post="yes")
    assert not Project.objects.open().filter(pk=old.pk).exists()
    assert [entry.object_repr for entry in LogEntry.objects.all()] == ["Old"]


def test_the_default_project_is_not_archived_nor_are_those_chosen_with_it(
    staff: Client, organization: Organization, project: Project
) -> None:
    other = Project.objects.create(organization=organization, name="Other")
    assert "The default project cannot be archived. Nothing was changed." in archive(staff, project, other, post="yes")
    assert Project.objects.open().count() == 2


def test_a_project_is_made_in_an_organisation_and_stays_there(staff: Client, organization: Organization) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    assert staff.post(path("project", "add"), {"name": "App", "organization": organization.pk}).status_code == 302
    project = Project.objects.get(name="App")
    members = {f"{inline}-{name}_FORMS": "0" for inline in INLINES for name in ("TOTAL", "INITIAL")}
    staff.post(path("project", project.pk, "change"), {"name": "Renamed", "organization": other.pk, **members})
    project.refresh_from_db()
    assert (project.name, project.organization, project.is_default) == ("Renamed", organization, False)


@pytest.mark.parametrize("page", ["project", "projectmembership", "serviceaccount", "apikey"])
def test_nothing_is_changed_in_an_archived_project(
    page: str, staff: Client, organization: Organization, user: User
) -> None:
    home = Project.objects.create(organization=organization, name="Old")
    member = Membership.objects.create(user=user, organization=organization, role="member")
    assigned = ProjectMembership.objects.create(membership=member, project=home, role="member")
    robot = ServiceAccount.objects.create(project=home, name="robot")
    key, _ = ApiKey.issue(name="key", organization=organization, project=home, service_account=robot)
    home.archive()
    rows: dict[str, Any] = {"project": home, "projectmembership": assigned, "serviceaccount": robot, "apikey": key}
    data = {"name": "new", "role": "viewer", "scopes": [], **WHEN_EMPTY}
    data |= {f"{inline}-{name}_FORMS": "0" for inline in INLINES for name in ("TOTAL", "INITIAL")}
    answer = staff.post(path(page, rows[page].pk, "change"), data)
    assert "nothing is changed in it any more" in text(answer)


def test_a_project_is_archived_from_its_own_page(staff: Client, organization: Organization) -> None:
    old = Project.objects.create(organization=organization, name="Old")
    assert f"/admin/accounts/project/{old.pk}/archive/" in text(staff.get(path("project", old.pk, "change")))
    question = text(staff.get(path("project", old.pk, "archive")))
    assert "Their API keys stop working at once" in question
    assert 'action="/admin/accounts/project/"' in question
    assert f'name="_selected_action" value="{old.pk}"' in question
    assert Project.objects.open().filter(pk=old.pk).exists()


def test_what_cannot_be_archived_has_no_button(staff: Client, project: Project, organization: Organization) -> None:
    old = Project.objects.create(organization=organization, name="Old")
    old.archive()
    for each in (project, old):
        assert "/archive/" not in text(staff.get(path("project", each.pk, "change")))
        assert staff.get(path("project", each.pk, "archive")).status_code == 404
    for missing in ("999", "x"):
        assert staff.get(path("project", missing, "archive")).status_code == 404
        assert staff.get(path("project", missing, "change")).status_code == 302


def test_who_may_not_archive_has_no_button(organization: Organization) -> None:
    old = Project.objects.create(organization=organization, name="Old")
    client = staff_as("member", organization, project=old, project_role="admin")
    assert "/archive/" not in text(client.get(path("project", old.pk, "change")))
    assert client.get(path("project", old.pk, "archive")).status_code == 403


# --- Organisations, service accounts, people -------------------------------------------------------------------


def test_an_organisation_is_made_with_its_members(staff: Client, user: User) -> None:
    data = {
        "name": "Acme",
        "slug": "acme",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": user.pk,
        "memberships-0-role": "owner",
    }
    assert staff.post(path("organization", "add"), data).status_code == 302
    member = Membership.objects.get()
    assert (member.user, member.role, member.organization.slug) == (user, "owner", "acme")


def test_an_organisation_is_renamed_but_keeps_its_slug(staff: Client, organization: Organization) -> None:
    data = {"name": "Acme", "slug": "acme", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert staff.post(path("organization", organization.pk, "change"), data).status_code == 302
    slug = organization.slug
    organization.refresh_from_db()
    assert (organization.name, organization.slug) == ("Acme", slug)


def test_a_service_account_is_made_with_a_first_key_that_is_shown_once(staff: Client, project: Project) -> None:
    data = {"name": "robot", "project": project.pk, "role": "member", "with_key": "on"}
    response = staff.post(path("serviceaccount", "add"), data)
    token = shown_key(response)
    key = ApiKey.objects.get()
    assert "no-store" in response.headers["Cache-Control"]
    assert response.wsgi_request.META["lukhas"].secret is True
    assert key.digest == digest(token)
    assert (key.name, key.project, key.scopes) == ("robot", project, list(DEFAULT_SCOPES))
    assert key.service_account == ServiceAccount.objects.get()
    assert token not in text(staff.get(path("serviceaccount", key.service_account.pk, "change")))


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ({"role": ""}, "with_key", "Without a role its key would not work."),
        ({"project": "archived"}, "__all__", "nothing is changed in it any more"),
        ({"name": "taken"}, "__all__", "The project has a service account of this name already."),
    ],
)
def test_a_service_account_whose_key_would_not_work_is_not_made(
    staff: Client, project: Project, fields: dict[str, str], where: str, message: str
) -> None:
    old = Project.objects.create(organization=project.organization, name="Old")
    old.archive()
    ServiceAccount.objects.create(project=project, name="taken")
    values = {"name": "robot", "project": project.pk, "role": "member", "with_key": "on", **fields}
    values |= {"project": old.pk} if values["project"] == "archived" else {}
    assert any(message in error for error in errors(staff.post(path("serviceaccount", "add"), values))[where])
    assert not ApiKey.objects.exists()
    assert ServiceAccount.objects.count() == 1


def test_the_page_of_a_service_account_leads_to_the_form_of_a_further_key(
    staff: Client, account: ServiceAccount
) -> None:
    assert "/new-key/" in text(staff.get(path("serviceaccount", account.pk, "change")))
    form = staff.get(path("serviceaccount", account.pk, "new-key"), follow=True)
    initial = form.context["adminform"].form.initial
    assert initial["service_account"] == str(account.pk)
    assert initial["project"] == str(account.project.pk)
    ServiceAccount.objects.update(role="")
    assert "/new-key/" not in text(staff.get(path("serviceaccount", account.pk, "change")))


def test_a_new_row_has_the_organisation_filled_in_where_there_is_one_only(organization: Organization) -> None:
    client = staff_as("owner", organization)
    assert client.get(path("project", "add")).context["adminform"].form.initial["organization"] == organization.pk
    other = Organization.objects.create(slug="other", name="Other")
    Membership.objects.create(user=User.objects.get(username="clerk"), organization=other, role="viewer")
    assert "organization" not in client.get(path("project", "add")).context["adminform"].form.initial
    chosen = client.get(path("project", "add"), {"organization": other.pk}).context["adminform"].form.initial
    assert chosen["organization"] == str(other.pk)


def test_the_list_of_organisations_counts_projects_and_members(
    staff: Client, organization: Organization, project: Project, user: User
) -> None:
    Project.objects.create(organization=organization, name="Second")
    Membership.objects.create(user=user, organization=organization)
    Organization.objects.create(slug="empty", name="Empty")
    page = text(staff.get(path("organization")))
    for name, counts in (("Empty", ("0", "0")), (organization.name, ("2", "1"))):
        row = page[page.index(f">{name}</a>") :]
        found = re.findall(r"field-(?:projects|members)[^>]*>\s*(\d+)", row)[:2]
        assert tuple(found) == counts


def test_a_service_account_stays_in_its_project(staff: Client, project: Project, organization: Organization) -> None:
    other = Project.objects.create(organization=organization, name="Other")
    assert staff.post(path("serviceaccount", "add"), {"name": "robot", "project": project.pk}).status_code == 302
    account = ServiceAccount.objects.get()
    staff.post(path("serviceaccount", account.pk, "change"), {"name": "android", "project": other.pk})
    account.refresh_from_db()
    assert (account.name, account.project) == ("android", project)


def test_deleting_an_owner_needs_no_permission_on_its_keys(issue: Issue, account: ServiceAccount) -> None:
    issue()
    account.organization_role = ""
    account.save()
    client = staff_as("owner", account.project.organization)
    assert client.post(path("serviceaccount", account.pk, "delete"), {"post": "yes"}).status_code == 302
    assert ApiKey.objects.count() == 0


def test_a_user_is_made_with_an_email_that_nobody_else_has(staff: Client, user: User) -> None:
    data = {
        "username": "grace",
        "email": "ADA@example.com",
        "usable_password": "true",
        "password1": "correct horse battery staple",
        "password2": "correct horse battery staple",
    }
    refused = staff.post(path("user", "add"), data)
    assert errors(refused) == {"email": ["User with this E-mail address already exists."]}
    assert staff.post(path("user", "add"), {**data, "email": ""}).status_code == 200
    assert staff.post(path("user", "add"), {**data, "email": "Grace@example.com"}).status_code == 302
    grace = User.objects.get(username="grace")
    assert grace.email == "grace@example.com"
    assert grace.check_password("correct horse battery staple")
    assert grace.public_id in text(staff.get(path("user", grace.pk, "change")))
    assert staff.get(path("user", grace.pk, "password")).status_code == 200


def test_django_s_groups_which_mean_nothing_here_have_no_page(staff: Client, user: User) -> None:
    assert staff.get("/admin/auth/group/").status_code == 404
    page = text(staff.get(path("user", user.pk, "change")))
    assert "user_permissions" not in page
    assert "field-groups" not in page
