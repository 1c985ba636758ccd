"""Service accounts of a project, and the keys that are made for them."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from accounts.models import ApiKey, Project, ServiceAccount
from accounts.roles import Role
from api.administration.projects import check_open
from api.administration.rows import check_grant, expiry, find, made, saved
from api.exceptions import Conflict

KEY_NAME = "Secret Key"
"""What the specification calls a key that nobody has named."""


def find_service_account(project: Project, account_id: str) -> ServiceAccount:
    """The service account of the project. Raises NotFound."""
    return find(project.service_accounts.select_related("project__organization"), account_id, "service account")


@transaction.atomic
def create_service_account(
    project: Project, name: str, *, with_key: bool, lifetime: timedelta | None
) -> tuple[ServiceAccount, ApiKey | None, str]:
    """A new service account of an open project, its first key, and that key's text. Without a key it has no role
    either, until it is given one.

    Raises InvalidRequest for an archived project, and Conflict where the project has a service account of this name.
    """
    check_open(project)
    check_name_free(project, name)
    account = saved(ServiceAccount(project=project, name=name, role=Role.MEMBER if with_key else ""))
    if not with_key:
        return account, None, ""
    key, token = issue_key(account, KEY_NAME, lifetime=lifetime)
    return account, key, token


@transaction.atomic
def change_service_account(account: ServiceAccount, actor: str | None, *, name: str | None, role: Role | None) -> None:
    """Gives a service account of an open project another name, another role, or both; None leaves it as it is.

    `actor` is the role of whoever asks. Raises ScopeMissing where that is too low for the role, old or new, Conflict
    for a name that is taken, and InvalidRequest for an archived project.
    """
    check_open(account.project)
    if name is not None and name != account.name:
        check_name_free(account.project, name)
        account.name = name
    if role is not None and role != account.role:
        check_grant(actor, account.role, role)
        account.role = role
    saved(account, "name", "role")


def delete_service_account(account: ServiceAccount, actor: str | None) -> None:
    """Deletes a service account, and its keys with it.

    `actor` is the role of whoever asks. Raises ScopeMissing where the account has a higher one.
    """
    check_grant(actor, account.role, account.organization_role)
    account.delete()


def check_name_free(project: Project, name: str) -> None:
    """Raises Conflict where the project has a service account of this name."""
    if project.service_accounts.filter(name=name).exists():
        raise Conflict("The project has a service account of this name already.", code="name_taken", param="name")


def issue_key(
    account: ServiceAccount, name: str, *, lifetime: timedelta | None, scopes: Sequence[str] | None = None
) -> tuple[ApiKey, str]:
    """A key of a service account, and its text. It holds every scope that is not of admins, unless told which.

    Raises InvalidRequest for an archived project.
    """
    check_open(account.project)
    chosen = {} if scopes is None else {"scopes": list(scopes)}
    return made(
        lambda: ApiKey.issue(
            name=name,
            organization=account.project.organization,
            project=account.project,
            service_account=account,
            expires_at=expiry(lifetime),
            **chosen,
        )
    )
