"""Keys of a project, and admin keys, on the wire: never their text, except once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import ApiKey, ServiceAccount, User
from accounts.vocabulary import PROJECT_USERS, SERVICE_ACCOUNTS, USERS
from api.administration.api_keys import has_access
from api.serializers.organization.bodies import NULLABLE, Body, Lifetime, Name
from api.serializers.organization.service_accounts import lifetime_of
from api.serializers.organization.times import seconds

NO_ROLE = "none"
"""How a user is shown who has no role: OpenAI's word for service accounts, for its own for users is a free string."""


@dataclass(frozen=True, slots=True)
class NewAdminKey:
    name: str
    lifetime: timedelta | None


@extend_schema_serializer(component_name="AdminApiKeyCreate")
class AdminKeyCreateSerializer(Body):
    """A new admin key. It belongs to whoever owns the key that asks for it."""

    name = Name()
    expires_in_seconds = Lifetime(**NULLABLE, help_text="How long it works; for good unless told.")


_create = AdminKeyCreateSerializer()


def parse_new_admin_key(body: dict[str, Any]) -> NewAdminKey:
    values = _create.parse(body)
    return NewAdminKey(name=values["name"], lifetime=lifetime_of(values))


def redacted(key: ApiKey) -> str:
    """`sk-lukhas-Ab3d...wxyz`: all of the key that is still known."""
    return f"{key.prefix}...{key.last_four}"


def project_key_object(key: ApiKey) -> dict[str, Any]:
    """`ProjectApiKey` of a key that was read with its owner and roles."""
    return {
        "id": key.public_id,
        "object": "organization.project.api_key",
        "name": key.name,
        "redacted_value": redacted(key),
        "created_at": seconds(key.created_at),
        "last_used_at": seconds(key.last_used_at),
        "expires_at": seconds(key.expires_at),
        "owner_project_access": "active" if has_access(key) else "inactive",
        "owner": _project_owner(key),
    }


def _project_owner(key: ApiKey) -> dict[str, Any]:
    owner: User | ServiceAccount = key.owner
    role = key.owner_role()
    if isinstance(owner, ServiceAccount):
        shown = {
            "id": owner.public_id,
            "name": owner.name,
            "created_at": seconds(owner.created_at),
            "role": SERVICE_ACCOUNTS.show(role),
        }
        return {"type": "service_account", "service_account": shown}
    shown = {
        "id": owner.public_id,
        "email": owner.email,
        "name": owner.get_full_name(),
        "created_at": seconds(owner.date_joined),
        "role": PROJECT_USERS.show(role) if role else NO_ROLE,
    }
    return {"type": "user", "user": shown}


def admin_key_object(key: ApiKey) -> dict[str, Any]:
    """`AdminApiKey` of a key that was read with its owner and roles."""
    return {
        "id": key.public_id,
        "object": "organization.admin_api_key",
        "name": key.name,
        "redacted_value": redacted(key),
        "created_at": seconds(key.created_at),
        "last_used_at": seconds(key.last_used_at),
        "expires_at": seconds(key.expires_at),
        "owner": _admin_owner(key),
    }


def _admin_owner(key: ApiKey) -> dict[str, Any]:
    """The specification knows only users that own admin keys; here service accounts do too, and are told apart by
    their `type` and `object`."""
    owner: User | ServiceAccount = key.owner
    role = key.owner_role()
    if isinstance(owner, ServiceAccount):
        return {
            "type": "service_account",
            "object": "organization.project.service_account",
            "id": owner.public_id,
            "name": owner.name,
            "created_at": seconds(owner.created_at),
            "role": SERVICE_ACCOUNTS.show(role),
        }
    return {
        "type": "user",
        "object": "organization.user",
        "id": owner.public_id,
        "name": owner.get_full_name(),
        "created_at": seconds(owner.date_joined),
        "role": USERS.show(role) if role else NO_ROLE,
    }


def new_admin_key_object(key: ApiKey, token: str) -> dict[str, Any]:
    """`AdminApiKeyCreateResponse`: the only time that the key is shown."""
    return {**admin_key_object(key), "value": token}
