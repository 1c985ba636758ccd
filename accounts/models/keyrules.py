"""What makes an API key valid: which scopes there are, and what fits together."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import roles
from accounts.roles import Role
from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, PUBLISHABLE_SCOPES, unknown

if TYPE_CHECKING:
    from accounts.models.apikeys import ApiKey  # which asks this


def known_scopes(scopes: object) -> None:
    """Raises ValidationError unless `scopes` is a list of scopes that exist, each once."""
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ValidationError("Scopes are a list of texts.", code="not_a_list")
    if strange := unknown(scopes):
        raise ValidationError(f"Unknown scopes: {', '.join(strange)}.", code="unknown_scope")
    if len(set(scopes)) != len(scopes):
        raise ValidationError("A scope is listed twice.", code="duplicate_scope")


def default_scopes() -> list[str]:
    return list(DEFAULT_SCOPES)


def check(key: "ApiKey", *, adding: bool, before: "ApiKey | None") -> None:
    """Raises ValidationError where project, owner, organisation and scopes do not belong together, where a new key
    would not work from the start, and where one that has ended would live again. `before` is the saved row."""
    if key.project is not None and key.project.organization_id != key.organization_id:
        raise ValidationError("The project is of another organisation.")
    if key.service_account is not None:
        home = key.service_account.project
        if key.project is not None and home != key.project:
            raise ValidationError("The service account is of another project.")
        if home.organization_id != key.organization_id:
            raise ValidationError("The service account is of another organisation.")
    check_publishing(key)
    if isinstance(key.scopes, list) and any((scope in ADMIN_SCOPES) != key.is_admin for scope in key.scopes):
        raise ValidationError("Admin keys hold admin scopes only, and no other key holds one.")
    if adding:
        check_new(key)
    if before is not None:
        check_ending(key, before)


def check_publishing(key: "ApiKey") -> None:
    """Raises ValidationError where a publishable key could do harm, and where a secret one has origins."""
    if not key.is_publishable:
        if key.origins:
            raise ValidationError("Only a publishable key has origins.")
        return
    if not key.origins:
        raise ValidationError("A publishable key needs the origins of the pages that may use it.")
    if isinstance(key.scopes, list) and not (key.scopes and set(key.scopes) <= set(PUBLISHABLE_SCOPES)):
        raise ValidationError(f"A publishable key holds {' or '.join(PUBLISHABLE_SCOPES)}, and no other scope.")


def check_new(key: "ApiKey") -> None:
    """Raises ValidationError where the key would be born expired or fallen, or its owner may not have it."""
    if key.project is not None and key.project.archived_at is not None:
        raise ValidationError("The project is archived: the key would not work.")
    if key.user is not None and not key.user.is_active:
        raise ValidationError("The user is not active: the key would not work.")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise ValidationError("The key would have expired already.")
    if key.organization_id is None or (key.user is None) == (key.service_account is None):
        return
    role = key.owner_role()
    if key.is_admin and not roles.includes(role, Role.ADMIN):
        raise ValidationError("An admin key needs an owner who is an owner or admin of the organisation.")
    if role is None:
        raise ValidationError("The owner has no role in the project: the key would not work.")


def check_ending(key: "ApiKey", before: "ApiKey") -> None:
    """Raises ValidationError where a key that has ended, or was replaced, would live longer than it was to."""
    ended = before.revoked_at is not None or before.replaced_by_id is not None
    if before.expires_at is None:
        return
    later = key.expires_at is None or key.expires_at > before.expires_at
    if later and (ended or before.expires_at <= timezone.now()):
        raise ValidationError("A key that has expired or was replaced does not live longer: make a new one.")


def check_open(key: "ApiKey", now: datetime) -> None:
    """Raises ValidationError for a key that has been revoked or has expired: nothing about it changes any more."""
    if key.revoked_at is not None:
        raise ValidationError(f"The key has been revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC.", code="revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise ValidationError(f"The key has been expired since {key.expires_at:%Y-%m-%d %H:%M} UTC.", code="expired")
