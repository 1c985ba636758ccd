"""A key never exceeds its owner, and falls with its owner."""

import importlib
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.authentication import look_up
from accounts.memo import callers
from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, Role, ServiceAccount, User
from accounts.principal import Principal
from accounts.scopes import DEFAULT_SCOPES
from tests.accounts.conftest import Issue
from tests.accounts.test_roles import CALLERS, PROJECT_ROLES, SCOPE_MATRIX


def caller(token: str) -> Principal | None:
    found = look_up(token)
    return found and found.principal


def place(user: User, project: Project, in_organization: str | None, in_project: str | None) -> None:
    """Makes the user just this, past everything that would write it down."""
    models.QuerySet(Membership).filter(user=user).delete()
    if in_organization is not None:
        member = Membership.objects.create(user=user, organization=project.organization, role=in_organization)
        if in_project is not None:
            ProjectMembership.objects.create(membership=member, project=project, role=in_project)


def held_by(role: str | None) -> set[str]:
    return {scope for scope in DEFAULT_SCOPES if SCOPE_MATRIX[scope][CALLERS.index(role)] != "."}


def test_a_users_key_does_what_the_users_role_in_the_project_allows(issue: Issue, user: User, project: Project) -> None:
    _, token = issue(user=user)
    for in_organization, in_project in product(CALLERS, CALLERS):
        place(user, project, in_organization, in_project)
        role = PROJECT_ROLES[in_organization][CALLERS.index(in_project)]
        principal = caller(token)
        if role is None:
            assert principal is None
        else:
            assert principal is not None
            assert (principal.role, set(principal.scopes)) == (role, held_by(role))
            assert principal.owner_name == user.email


def test_a_role_adds_nothing_to_a_key(issue: Issue, user: User) -> None:
    principal = caller(issue(user=user, scopes=["model.read"])[1])
    assert principal is not None
    assert (principal.role, principal.scopes) == (Role.OWNER, {"model.read"})


@pytest.mark.parametrize("role", CALLERS)
def test_a_users_admin_key_does_what_the_users_role_in_the_organisation_allows(
    issue: Issue, user: User, project: Project, role: str | None
) -> None:
    _, token = issue(user=user, is_admin=True)
    place(user, project, role, "owner")
    principal = caller(token)
    if role is None:
        assert principal is None
    else:
        assert principal is not None
        assert (principal.role, principal.allows("admin.projects")) == (role, role in ("owner", "admin"))


@pytest.mark.parametrize("role", CALLERS)
def test_a_service_accounts_keys_do_what_its_roles_allow(
    issue: Issue, account: ServiceAccount, role: str | None
) -> None:
    (_, token), (_, admin) = issue(), issue(is_admin=True)
    for name, key, scopes in (("role", token, held_by(role)), ("organization_role", admin, {"admin.*"})):
        ServiceAccount.objects.update(role="owner", organization_role="owner")
        ServiceAccount.objects.update(**{name: role or ""})
        principal = caller(key)
        if role is None:
            assert principal is None
        else:
            assert principal is not None
            allowed = scopes if name == "role" or role in ("owner", "admin") else set()
            assert (principal.role, set(principal.scopes)) == (role, allowed)


def test_with_its_owners_role_a_key_is_still_read_in_one_query(issue: Issue, user: User) -> None:
    _, token = issue(user=user)
    caller(token)
    with CaptureQueriesContext(connection) as queries:
        caller(token)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


@pytest.mark.usefixtures("founder")
def test_without_having_been_read_with_it_a_key_looks_its_owners_role_up(issue: Issue, user: User) -> None:
    key, _ = issue(user=user)
    fresh = ApiKey.objects.get(pk=key.pk)
    assert fresh.owner_role() is Role.OWNER
    assert ApiKey.objects.with_roles().get(pk=key.pk).owner_role() is Role.OWNER
    Membership.objects.filter(user=user).delete()
    assert fresh.owner_role() is None
    assert fresh.state(timezone.now()) == "fallen"


Fall = Callable[[User, Project], object]
FALLS: dict[str, Fall] = {
    "deactivated": lambda user, project: User.objects.filter(pk=user.pk).update(is_active=False),
    "removed from the organisation": lambda user, project: Membership.objects.get(user=user).delete(),
    "removed from the project": lambda user, project: ProjectMembership.objects.all().delete(),
    "deleted": lambda user, project: user.delete(),
}


@pytest.mark.parametrize("fall", FALLS.values(), ids=list(FALLS))
def test_a_key_falls_with_its_owner_at_once(
    fall: Fall, issue: Issue, user: User, project: Project, server: Any
) -> None:
    place(user, project, "member", "member")
    _, token = issue(user=user)
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        assert client.get("/v1/models").status_code == 200
        fall(user, project)
        refused = client.get("/v1/models")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_demoted_owner_keeps_a_key_that_only_reads(issue: Issue, user: User, project: Project, server: Any) -> None:
    place(user, project, "member", "member")
    _, token = issue(user=user)
    body = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hi"}]}
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 200
        ProjectMembership.objects.update(role="viewer")
        assert client.get("/v1/models").status_code == 200
        refused = client.post("/v1/chat/completions", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")


def test_who_leaves_the_organisation_and_comes_back_has_lost_the_projects(user: User, project: Project) -> None:
    place(user, project, "member", "owner")
    Membership.objects.get(user=user).delete()
    Membership.objects.create(user=user, organization=project.organization)
    assert not ProjectMembership.objects.exists()


def test_a_role_in_a_project_is_for_members_of_its_organisation_once(
    user: User, project: Project, organization: Organization
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    stranger = Membership.objects.create(user=user, organization=other)
    with pytest.raises(ValidationError, match="no member of the project's organisation"):
        ProjectMembership(membership=stranger, project=project).full_clean()
    with pytest.raises(ValidationError, match="cannot be null"):
        ProjectMembership(project=project).full_clean()
    member = Membership.objects.create(user=user, organization=organization)
    assigned = ProjectMembership(membership=member, project=project, role="viewer")
    assigned.full_clean()
    assigned.save()
    assert str(assigned) == f"ada, viewer of {project.name}"
    for fields in ({"role": "emperor"}, {"role": "viewer", "pk": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ProjectMembership(**{"membership": member, "project": project, "pk": assigned.pk, **fields}).save()


def test_the_database_knows_the_roles_of_service_accounts(account: ServiceAccount) -> None:
    for name in ("role", "organization_role"):
        with pytest.raises(IntegrityError), transaction.atomic():
            ServiceAccount.objects.update(**{name: "emperor"})


def test_a_key_is_not_made_for_an_owner_without_a_role(user: User, project: Project, account: ServiceAccount) -> None:
    fields: dict[str, Any] = {"name": "x", "organization": project.organization}
    with pytest.raises(ValidationError, match="no role in the project"):
        ApiKey.issue(**fields, project=project, user=user)
    with pytest.raises(ValidationError, match="owner or admin of the organisation"):
        ApiKey.issue(**fields, is_admin=True, user=user)
    account.organization_role = ""
    account.save()
    with pytest.raises(ValidationError, match="owner or admin of the organisation"):
        ApiKey.issue(**fields, is_admin=True, service_account=account)
    assert ApiKey.objects.count() == 0


def test_changing_a_role_forgets_the_callers(user: User, project: Project, issue: Issue) -> None:
    place(user, project, "member", "member")
    _, token = issue(user=user)
    for change in (
        lambda: Membership.objects.update(role="viewer"),
        lambda: ProjectMembership.objects.update(role="viewer"),
        lambda: Membership.objects.get().save(),
        lambda: ProjectMembership.objects.get().save(),
    ):
        callers.get_blocking("digest", lambda: look_up(token))
        assert len(callers) == 1
        change()
        assert len(callers) == 0


def test_upgrading_gives_owners_of_keys_the_roles_that_their_keys_need(
    issue: Issue, user: User, project: Project, organization: Organization
) -> None:
    reader = User.objects.create_user("bob", "bob@example.com")
    boss = User.objects.create_user("eve", "eve@example.com")
    robot = ServiceAccount.objects.create(project=project, name="mere robot")
    issue(user=user)
    issue(user=reader)
    issue(user=boss, is_admin=True)
    issue(is_admin=True)
    models.QuerySet(Membership).filter(user__in=[user, boss]).delete()
    models.QuerySet(Membership).filter(user=reader).update(role="viewer")
    ServiceAccount.objects.update(role="member", organization_role="")
    migration = importlib.import_module("accounts.migrations.0003_audit_and_roles")
    migration.keep_keys_working(apps, SimpleNamespace(connection=connection))
    assert dict(Membership.objects.values_list("user__username", "role")) == {
        "ada": "member",
        "bob": "viewer",
        "eve": "owner",
    }
    assigned = ProjectMembership.objects.values_list("membership__user__username", "role")
    assert dict(assigned) == {"ada": "member", "bob": "viewer"}
    roles = ServiceAccount.objects.values_list("name", "role", "organization_role")
    assert sorted(roles) == [(robot.name, "owner", ""), ("robot", "owner", "owner")]
    assert all(key.state(timezone.now()) == "active" for key in ApiKey.objects.all())
