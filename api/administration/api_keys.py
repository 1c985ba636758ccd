"""Keys of a project, and admin keys of an organisation."""

from datetime import timedelta
from typing import Literal

from django.db.models import Q

from accounts.exceptions import KeyInvalid
from accounts.models import ApiKey, Project
from accounts.models.keyqueries import ApiKeyQuerySet
from accounts.roles import Role
from api.administration.rows import expiry, find, made

Access = Literal["active", "inactive", "any"]
EVERYWHERE = (Role.OWNER, Role.ADMIN)
"""Who has these in the organisation has a role in every project of it; see `accounts.roles.in_project`."""


def has_access(key: ApiKey) -> bool:
    """Whether the owner of a key may use it: without, it has fallen with its owner. Reads nothing more where the key
    was read with its owner and roles."""
    return key.owner_role() is not None and (key.user is None or key.user.is_active)


def keys_of(project: Project) -> ApiKeyQuerySet:
    """The keys of the project that were not revoked, with owners and roles."""
    return all_keys_of(project).with_owners().with_roles().filter(revoked_at=None)


def by_access(rows: ApiKeyQuerySet, access: Access) -> ApiKeyQuerySet:
    """Of keys of a project, read with roles, those whose owners have access to it, those whose owners have not, or
    all; the same distinction as `has_access`."""
    if access == "any":
        return rows
    here = Q(held_in_organization__in=EVERYWHERE) | Q(held_in_organization__isnull=False, held_in_project__isnull=False)
    active = (Q(user__is_active=True) & here) | (Q(service_account__isnull=False) & ~Q(service_account__role=""))
    known_active = rows.filter(active).order_by().values("pk")
    return rows.filter(pk__in=known_active) if access == "active" else rows.exclude(pk__in=known_active)


def all_keys_of(project: Project) -> ApiKeyQuerySet:
    """Every key that the project ever had: what was listed before may be named as a cursor."""
    return ApiKey.objects.filter(project=project)


def admin_keys_of(organization_id: str) -> ApiKeyQuerySet:
    """The admin keys of the organisation that were not revoked, with owners and roles."""
    return all_admin_keys_of(organization_id).with_owners().with_roles().filter(revoked_at=None)


def all_admin_keys_of(organization_id: str) -> ApiKeyQuerySet:
    """Every admin key that the organisation ever had."""
    return ApiKey.objects.filter(organization__public_id=organization_id, is_admin=True)


def find_key(project: Project, key_id: str) -> ApiKey:
    """The key of the project. Raises NotFound, for a revoked one too."""
    return find(keys_of(project), key_id, "API key")


def find_admin_key(organization_id: str, key_id: str) -> ApiKey:
    """The admin key of the organisation. Raises NotFound, for a revoked one too."""
    return find(admin_keys_of(organization_id), key_id, "admin API key")


def issue_admin_key(organization_id: str, issuer: str, name: str, *, lifetime: timedelta | None) -> tuple[ApiKey, str]:
    """A new admin key, owned by whoever owns the key that asks for it (`issuer`, by id), and its text.

    Raises KeyInvalid where that key has been revoked in the meantime.
    """
    asking = admin_keys_of(organization_id).filter(public_id=issuer).first()
    if asking is None:
        raise KeyInvalid("***")
    key, token = made(
        lambda: ApiKey.issue(
            name=name,
            organization=asking.organization,
            user=asking.user,
            service_account=asking.service_account,
            is_admin=True,
            expires_at=expiry(lifetime),
        )
    )
    return find_admin_key(organization_id, key.public_id), token
