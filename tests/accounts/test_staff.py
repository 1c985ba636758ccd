"""The staff pages follow the roles: nobody reaches further than their own by a form, an inline or an action."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, ServiceAccount, User
from accounts.scopes import DEFAULT_SCOPES
from accounts.staff_lists import MOST_CHOICES, BoundedPaginator, visible_rows
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import add_key, path, shown_key, staff_as, text

ABOVE = "You may not give or take away a role above your own."


@pytest.fixture
def colleague(user: User, organization: Organization) -> Membership:
    return Membership.objects.create(user=user, organization=organization, role="member")


def clerk() -> User:
    return User.objects.get(username="clerk")


def inline(row: Any = None, **fields: Any) -> dict[str, Any]:
    """The form of one row below a page: one that is there, or a new one."""
    data = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1" if row else "0", "memberships-0-id": ""}
    if row is not None:
        data["memberships-0-id"] = row.pk
    return {**data, **{f"memberships-0-{name}": value for name, value in fields.items()}}


# --- Roles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "given"), [("admin", True), ("owner", False)])
def test_an_admin_gives_roles_up_to_their_own_by_a_form(
    organization: Organization, colleague: Membership, role: str, given: bool
) -> None:
    answer = staff_as("admin", organization).post(path("membership", colleague.pk, "change"), {"role": role})
    assert (ABOVE in text(answer)) is not given
    colleague.refresh_from_db()
    assert colleague.role == (role if given else "member")


def test_an_admin_takes_no_role_away_that_is_above_their_own(organization: Organization, colleague: Membership) -> None:
    Membership.objects.filter(pk=colleague.pk).update(role="owner")
    client = staff_as("admin", organization)
    assert ABOVE in text(client.post(path("membership", colleague.pk, "change"), {"role": "member"}))
    assert client.post(path("membership", colleague.pk, "delete"), {"post": "yes"}).status_code == 403
    client.post(path("membership"), {"action": "delete_selected", "_selected_action": [colleague.pk], "post": "yes"})
    colleague.refresh_from_db()
    assert colleague.role == "owner"


@pytest.mark.parametrize(
    ("was", "fields", "changed"),
    [
        ("member", {"role": "admin"}, True),
        ("member", {"role": "owner"}, False),
        ("owner", {"role": "member"}, False),
        ("owner", {"role": "owner", "DELETE": "on"}, False),
        ("member", {"role": "member", "DELETE": "on"}, True),
        ("owner", {"role": "owner"}, True),
    ],
)
def test_an_admin_of_a_project_gives_and_takes_roles_up_to_their_own_below_its_page(
    project: Project, colleague: Membership, was: str, fields: dict[str, str], changed: bool
) -> None:
    assigned = ProjectMembership.objects.create(membership=colleague, project=project, role=was)
    client = staff_as("member", project.organization, project=project, project_role="admin")
    other = ProjectMembership.objects.get(membership__user=clerk())
    rows = {
        "name": "Renamed",
        "model_permissions-TOTAL_FORMS": "0",
        "model_permissions-INITIAL_FORMS": "0",
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "2",
        "memberships-0-id": assigned.pk,
        "memberships-0-membership": colleague.pk,
        "memberships-1-id": other.pk,
        "memberships-1-membership": other.membership_id,
        "memberships-1-role": "admin",
        **{f"memberships-0-{name}": value for name, value in fields.items()},
    }
    answer = client.post(path("project", project.pk, "change"), rows)
    assert (ABOVE in text(answer)) is not changed
    project.refresh_from_db()
    assert (project.name == "Renamed") is changed
    now = ProjectMembership.objects.filter(pk=assigned.pk).values_list("role", flat=True).first()
    assert now == (was if not changed else None if "DELETE" in fields else fields["role"])


def test_an_owner_gives_every_role_and_brings_in_nobody_from_elsewhere(
    organization: Organization, colleague: Membership
) -> None:
    client = staff_as("owner", organization)
    stranger = User.objects.create_user("zoe", "zoe@example.com")
    data = {"name": "Acme", **inline(user=stranger.pk, role="member")}
    assert "not one of the available choices" in text(
        client.post(path("organization", organization.pk, "change"), data)
    )
    data = {"name": "Acme", **inline(colleague, user=colleague.user_id, role="owner")}
    data |= {"memberships-TOTAL_FORMS": "2", "memberships-INITIAL_FORMS": "2"}
    mine = Membership.objects.get(user=clerk())
    data |= {"memberships-1-id": mine.pk, "memberships-1-user": mine.user_id, "memberships-1-role": "owner"}
    assert client.post(path("organization", organization.pk, "change"), data).status_code == 302
    colleague.refresh_from_db()
    assert colleague.role == "owner"


def test_a_member_of_two_organisations_cannot_be_moved_by_who_is_owner_of_one(
    organization: Organization, colleague: Membership
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    client = staff_as("owner", organization)
    client.post(path("membership", colleague.pk, "change"), {"role": "viewer", "organization": other.pk, "user": 1})
    colleague.refresh_from_db()
    assert (colleague.role, colleague.organization) == ("viewer", organization)


@pytest.mark.parametrize(("role", "given"), [("", True), ("admin", True), ("owner", False)])
def test_a_service_account_gets_no_role_above_that_of_who_makes_it(project: Project, role: str, given: bool) -> None:
    client = staff_as("member", project.organization, project=project, project_role="admin")
    answer = client.post(path("serviceaccount", "add"), {"name": "robot", "project": project.pk, "role": role})
    assert (ABOVE in text(answer)) is not given
    assert ServiceAccount.objects.exists() is given


def test_a_row_is_saved_only_where_one_may_save_it(project: Project) -> None:
    beside = Project.objects.create(organization=project.organization, name="Beside")
    client = staff_as("member", project.organization, project=project, project_role="admin")
    data = {"name": "robot", "role": "member"}
    assert "You may not save this there." in text(
        client.post(path("serviceaccount", "add"), {**data, "project": beside.pk})
    )
    assert client.post(path("serviceaccount", "add"), {**data, "project": project.pk}).status_code == 302
    assert ServiceAccount.objects.get().project == project


def test_django_s_own_permissions_give_nothing(organization: Organization, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    assert client.get(path("project")).status_code == 403
    assert client.get(path("user")).status_code == 403
    assert client.get("/admin/").status_code == 200


def test_an_account_is_shown_to_colleagues_without_what_is_of_the_whole_server(
    organization: Organization, colleague: Membership
) -> None:
    page = text(staff_as("owner", organization).get(path("user", colleague.user_id, "change")))
    assert "ada@example.com" in page
    for hidden in ("password", "is_superuser", "user_permissions", "last_login"):
        assert f"field-{hidden}" not in page


# --- Keys ------------------------------------------------------------------------------------------------------


@pytest.fixture
def robot(project: Project) -> ServiceAccount:
    return ServiceAccount.objects.create(project=project, name="robot", role="member")


def test_a_member_makes_a_key_of_their_own_changes_and_revokes_it(project: Project, robot: ServiceAccount) -> None:
    client = staff_as("member", project.organization, project=project, project_role="member")
    shown_key(add_key(client, robot, service_account="", user=clerk().pk))
    key = ApiKey.objects.get()
    changes = {"name": "mine", "scopes": list(DEFAULT_SCOPES), "expires_at_0": "", "expires_at_1": ""}
    assert client.post(path("apikey", key.pk, "change"), changes).status_code == 302
    client.post(path("apikey"), {"action": "revoke_selected", "_selected_action": [key.pk], "post": "yes"})
    key.refresh_from_db()
    assert (key.name, key.user) == ("mine", clerk())
    assert key.revoked_at is not None


def test_a_member_neither_changes_nor_revokes_the_keys_of_others(project: Project, issue: Issue) -> None:
    key, _ = issue()
    client = staff_as("member", project.organization, project=project, project_role="member")
    assert client.post(path("apikey", key.pk, "change"), {"name": "mine"}).status_code == 403
    data = {"action": "revoke_selected", "_selected_action": [key.pk], "post": "yes"}
    assert "You may not do this with everything that you chose." in text(client.post(path("apikey"), data, follow=True))
    key.refresh_from_db()
    assert key.revoked_at is None


@pytest.mark.parametrize(
    ("role", "of", "made"), [("admin", "admin", True), ("admin", "owner", False), ("member", "member", False)]
)
def test_a_key_of_a_service_account_is_made_by_who_may_do_as_much(
    project: Project, robot: ServiceAccount, role: str, of: str, made: bool
) -> None:
    ServiceAccount.objects.update(role=of)
    client = staff_as("member", project.organization, project=project, project_role=role)
    answer = add_key(client, robot)
    assert ("This service account may do more than you" in text(answer)) is not made
    assert ApiKey.objects.exists() is made


def test_nobody_makes_a_key_for_somebody_else(project: Project, robot: ServiceAccount, colleague: Membership) -> None:
    client = staff_as("owner", project.organization)
    answer = add_key(client, robot, service_account="", user=colleague.user_id)
    assert "not one of the available choices" in text(answer)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(("role", "made"), [("owner", True), ("admin", False)])
def test_an_admin_key_is_made_by_owners(project: Project, robot: ServiceAccount, role: str, made: bool) -> None:
    client = staff_as(role, project.organization)
    answer = add_key(client, robot, service_account="", user=clerk().pk, project="", is_admin="on")
    assert ("You may not save this there." in text(answer)) is not made
    assert ApiKey.objects.exists() is made


def test_an_action_does_all_that_was_chosen_or_nothing(project: Project, issue: Issue) -> None:
    keys = [issue()[0], issue(is_admin=True)[0]]
    client = staff_as("admin", project.organization)
    data = {"action": "revoke_selected", "_selected_action": [key.pk for key in keys], "post": "yes"}
    assert "Nothing was changed." in text(client.post(path("apikey"), data, follow=True))
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 0
    data["_selected_action"] = [keys[0].pk]
    assert "Revoked: 1." in text(client.post(path("apikey"), data, follow=True))


# --- Lists -----------------------------------------------------------------------------------------------------


def test_a_list_is_counted_to_ten_thousand_and_no_further(
    monkeypatch: pytest.MonkeyPatch, organization: Organization
) -> None:
    monkeypatch.setattr("accounts.staff_lists.MOST_COUNTED", 3)
    for number in range(5):
        Project.objects.create(organization=organization, name=f"p{number}")
    with CaptureQueriesContext(connection) as captured:
        assert BoundedPaginator(Project.objects.order_by("name"), 2).count == 3
    assert "LIMIT 3" in captured[0]["sql"]
    assert "ORDER BY" not in captured[0]["sql"]


def test_what_has_no_page_is_not_for_choosing(rf: RequestFactory, organization: Organization) -> None:
    request = rf.get("/admin/")
    request.user = User.objects.create_superuser("root", "root@example.com")
    assert list(visible_rows(Organization, request)) == [organization]
    assert list(visible_rows(Permission, request)) == []


def test_a_filter_offers_a_hundred_choices_at_most(staff: Client) -> None:
    for number in range(MOST_CHOICES + 5):
        Organization.objects.create(slug=f"o{number}", name=f"a{number:03}")
    page = staff.get(path("project")).context["cl"]
    choices = next(each for each in page.filter_specs if each.title == "organisation").lookup_choices
    assert len(choices) == MOST_CHOICES
    assert [label for _, label in choices] == [f"a{number:03}" for number in range(5, MOST_CHOICES + 5)]


@pytest.mark.parametrize(
    "page", ["organization", "project", "membership", "apikey", "ratelimit", "spend", "auditevent"]
)
def test_a_list_of_a_member_of_staff_costs_as_many_queries_however_long(
    page: str, organization: Organization, project: Project, issue: Issue
) -> None:
    client = staff_as("owner", organization)

    def queries() -> int:
        client.get(path(page))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path(page)).status_code == 200
        return len(captured)

    issue()
    few = queries()
    for number in range(9):
        beside = Project.objects.create(organization=organization, name=f"p{number}")
        robot = ServiceAccount.objects.create(project=beside, name="robot")
        issue(project=beside, service_account=robot)
        person = User.objects.create_user(f"user{number}", f"user{number}@example.com")
        Membership.objects.create(user=person, organization=organization)
    assert queries() == few
    assert few <= 13
