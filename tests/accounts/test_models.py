"""Organisations, projects, people, service accounts and keys, and what the database itself refuses."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.memo import Found, callers
from accounts.models import ApiKey, Membership, Organization, Project, Role, ServiceAccount, User
from accounts.scopes import DEFAULT_SCOPES
from tests.accounts.conftest import Issue
from tests.accounts.test_scopes import principal


def refused_by_the_database(model: type[models.Model], **fields: Any) -> bool:
    """Saves past every validation."""
    try:
        with transaction.atomic():
            model(**fields).save()
    except IntegrityError:
        return True
    return False


# --- People ----------------------------------------------------------------------------------------------------


def test_an_email_is_kept_in_lower_case_and_belongs_to_one_user(database: None) -> None:
    user = User.objects.create_user("ada", "Ada@Example.COM")
    assert user.email == "ada@example.com"
    with pytest.raises(ValidationError, match="already exists"):
        User(username="eve", email="ADA@example.com", password="x").full_clean()
    assert refused_by_the_database(User, username="eve", email="ADA@example.com")


def test_a_user_needs_an_email(database: None) -> None:
    with pytest.raises(ValidationError, match="This field cannot be blank"):
        User(username="eve", password="x").full_clean()
    assert refused_by_the_database(User, username="eve", email="")


def test_the_database_keeps_upper_case_out_of_emails(user: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="Ada@example.com")


# --- Organisations and projects --------------------------------------------------------------------------------


def test_slugs_are_unique(organization: Organization) -> None:
    assert refused_by_the_database(Organization, slug=organization.slug, name="Another")


def test_an_organisation_has_one_default_project_and_any_number_of_others(organization: Organization) -> None:
    assert refused_by_the_database(Project, organization=organization, name="Second", is_default=True)
    for _ in range(2):
        Project.objects.create(organization=organization, name="Same name")
    assert organization.projects.count() == 3


def test_archiving_a_project_happens_once(organization: Organization) -> None:
    project = Project.objects.create(organization=organization, name="Old")
    assert Project.objects.open().filter(pk=project.pk).exists()
    at = timezone.now() - timedelta(days=1)
    assert project.archive(at)
    assert not project.archive()
    project.refresh_from_db()
    assert project.archived_at == at
    assert not Project.objects.open().filter(pk=project.pk).exists()


def test_the_default_project_cannot_be_archived(project: Project) -> None:
    with pytest.raises(ValidationError, match="default project cannot be archived"):
        project.archive()
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.update(archived_at=timezone.now())


def test_a_user_is_a_member_once_and_in_a_known_role(organization: Organization, user: User) -> None:
    member = Membership.objects.create(user=user, organization=organization, role=Role.ADMIN)
    assert str(member) == f"ada, admin of {organization.name}"
    assert refused_by_the_database(Membership, user=user, organization=organization, role=Role.VIEWER)
    Membership.objects.all().delete()
    assert refused_by_the_database(Membership, user=user, organization=organization, role="emperor")


def test_service_accounts_of_one_project_have_different_names(account: ServiceAccount) -> None:
    assert refused_by_the_database(ServiceAccount, project=account.project, name=account.name)
    elsewhere = Project.objects.create(organization=account.project.organization, name="Elsewhere")
    assert not refused_by_the_database(ServiceAccount, project=elsewhere, name=account.name)


# --- Keys ------------------------------------------------------------------------------------------------------


def test_what_is_stored_of_a_key_does_not_tell_the_key(issue: Issue) -> None:
    key, token = issue(name="laptop")
    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert token not in repr(stored)
    assert stored["prefix"] == token[:14]
    assert stored["last_four"] == token[-4:]
    assert str(key) == f"laptop ({token[:14]}…{token[-4:]})"
    assert key.scopes == list(DEFAULT_SCOPES)


def test_an_admin_key_is_of_the_organisation_and_holds_admin_scopes_only(issue: Issue) -> None:
    key, token = issue(is_admin=True)
    assert token.startswith("sk-admin-lukhas-")
    assert key.prefix == token[:20]
    assert (key.project, key.scopes) == (None, ["admin.*"])
    for fields in ({"is_admin": True, "scopes": ["model.read"]}, {"scopes": ["admin.*"]}):
        with pytest.raises(ValidationError, match="admin scopes only"):
            issue(**fields)


@pytest.mark.parametrize(
    "columns",
    [
        {"user": None, "service_account": None},
        {"user": True, "service_account": True},
        {"project": None},
        {"is_admin": True},
        {"digest": True},
        {"public_id": True},
    ],
    ids=["no owner", "two owners", "no project", "admin key of a project", "digest twice", "public id twice"],
)
def test_the_database_refuses_a_key_with(columns: dict[str, Any], issue: Issue, user: User) -> None:
    first, _ = issue()
    fields: dict[str, Any] = {
        "name": "b",
        "organization": first.organization,
        "project": first.project,
        "service_account": first.service_account,
        "digest": "b",
    }
    assert not refused_by_the_database(ApiKey, **fields)
    values = {"user": user, "service_account": first.service_account, "is_admin": True}
    values |= {"digest": first.digest, "public_id": first.public_id}
    fields |= {"digest": "c"} | {name: values[name] if value else None for name, value in columns.items()}
    assert refused_by_the_database(ApiKey, **fields)


@pytest.mark.parametrize(
    ("scopes", "message"),
    [
        ("model.read", "list of texts"),
        ([1], "list of texts"),
        ({"model.read": True}, "list of texts"),
        (["model.read", "model.write"], "Unknown scopes: model.write"),
        (["model.read", "model.read"], "listed twice"),
    ],
)
def test_scopes_that_do_not_exist_are_refused_and_nothing_is_saved(scopes: Any, message: str, issue: Issue) -> None:
    with pytest.raises(ValidationError, match=message):
        issue(scopes=scopes)
    assert ApiKey.objects.count() == 0


def test_a_key_may_hold_a_single_scope(issue: Issue) -> None:
    assert issue(scopes=["events.write"])[0].scopes == ["events.write"]


def test_project_owner_and_organisation_of_a_key_belong_together(
    issue: Issue, organization: Organization, project: Project
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    strange = Project.objects.create(organization=other, name="Strange")
    sibling = Project.objects.create(organization=organization, name="Sibling")
    with pytest.raises(ValidationError, match="project is of another organisation"):
        issue(organization=other)
    with pytest.raises(ValidationError, match="service account is of another project"):
        issue(project=sibling)
    with pytest.raises(ValidationError, match="service account is of another organisation"):
        issue(is_admin=True, service_account=ServiceAccount.objects.create(project=strange, name="x"))


def test_a_key_that_would_not_work_from_the_start_is_not_made(
    issue: Issue, organization: Organization, user: User
) -> None:
    with pytest.raises(ValidationError, match="expired already"):
        issue(expires_at=timezone.now())
    archived = Project.objects.create(organization=organization, name="Old")
    account = ServiceAccount.objects.create(project=archived, name="old robot")
    archived.archive()
    with pytest.raises(ValidationError, match="project is archived"):
        issue(project=archived, service_account=account)
    user.is_active = False
    with pytest.raises(ValidationError, match="user is not active"):
        issue(user=user)
    assert ApiKey.objects.count() == 0


def test_a_key_that_does_not_work_any_longer_can_still_be_edited(issue: Issue) -> None:
    key, _ = issue()
    key.expires_at = timezone.now() - timedelta(days=1)
    key.full_clean()
    key.save()
    assert key.state(timezone.now()) == "expired"


def test_the_state_of_a_key_says_why_it_does_not_work(issue: Issue, user: User, organization: Organization) -> None:
    now = timezone.now()
    key, _ = issue(user=user)
    assert (key.state(now), key.owner) == ("active", user)
    key.expires_at = now
    assert key.state(now) == "expired"
    assert key.state(now - timedelta(microseconds=1)) == "active"
    user.is_active = False
    assert key.state(now - timedelta(microseconds=1)) == "fallen"
    key.revoked_at = now
    assert key.state(now) == "revoked"


def test_a_key_without_owner_has_none_to_name() -> None:
    with pytest.raises(ValueError, match="no owner"):
        _ = ApiKey().owner


def test_revoking_happens_once(issue: Issue) -> None:
    key, _ = issue()
    assert key.revoke()
    at = key.revoked_at
    assert at is not None
    assert not key.revoke()
    assert key.revoked_at == at
    assert ApiKey.objects.all().revoke() == 0


@pytest.mark.usefixtures("founder")
def test_deleting_an_owner_deletes_its_keys(issue: Issue, account: ServiceAccount, user: User) -> None:
    issue()
    issue(user=user)
    account.delete()
    assert [key.user for key in ApiKey.objects.all()] == [user]
    user.delete()
    assert ApiKey.objects.count() == 0


def test_projects_and_organisations_that_hold_something_cannot_be_deleted(issue: Issue) -> None:
    key, _ = issue()
    assert key.project is not None
    for row in (key.project, key.organization):
        with pytest.raises(models.ProtectedError):
            row.delete()


@pytest.mark.parametrize("change", ["save", "delete", "update", "delete many"])
def test_any_change_of_what_callers_rest_on_forgets_them_now_and_once_others_see_it(
    change: str, account: ServiceAccount
) -> None:
    def remember() -> None:
        callers.get_blocking("digest", lambda: Found(principal()))
        assert len(callers) == 1

    with transaction.atomic():
        remember()
        match change:
            case "save":
                account.save()
            case "delete":
                account.delete()
            case "update":
                ServiceAccount.objects.update(name="new")
            case _:
                ServiceAccount.objects.all().delete()
        assert len(callers) == 0
        remember()  # as another thread would, which cannot see the change yet
    assert len(callers) == 0
