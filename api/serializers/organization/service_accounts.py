"""Service accounts, and the keys that are made for them, on the wire."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import ApiKey, ServiceAccount
from accounts.roles import Role, known
from accounts.vocabulary import SERVICE_ACCOUNTS
from api.exceptions import InvalidRequest
from api.serializers.fields import Flag, OneOf
from api.serializers.organization.bodies import NULLABLE, Body, Lifetime, Name, Scopes
from api.serializers.organization.times import seconds

ASSIGNABLE = ("member", "owner")
"""Of the wire's roles, those that an update may name."""


@dataclass(frozen=True, slots=True)
class NewServiceAccount:
    name: str
    with_key: bool
    lifetime: timedelta | None


@dataclass(frozen=True, slots=True)
class ServiceAccountChange:
    """None where something stays as it is."""

    name: str | None
    role: Role | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """`scopes` is None for all that are not of admins."""

    name: str | None
    scopes: list[str] | None
    lifetime: timedelta | None


@extend_schema_serializer(component_name="ProjectServiceAccountCreate")
class ServiceAccountCreateSerializer(Body):
    """A new service account."""

    name = Name(help_text="What it is called; no two of a project are called the same.")
    create_service_account_only = Flag(**NULLABLE, help_text="Make it without a key, and with the role `none`.")
    expires_in_seconds = Lifetime(**NULLABLE, help_text="How long its first key works; for good unless told.")


@extend_schema_serializer(component_name="UpdateProjectServiceAccount")
class ServiceAccountUpdateSerializer(Body):
    """What changes of a service account."""

    name = Name(**NULLABLE)
    role = OneOf(**NULLABLE, choices=ASSIGNABLE, help_text="Its role in the project.")


@extend_schema_serializer(component_name="CreateProjectServiceAccountApiKey")
class ServiceAccountKeyCreateSerializer(Body):
    """A further key of a service account."""

    name = Name(**NULLABLE, help_text="`Secret Key` unless told.")
    scopes = Scopes(**NULLABLE, help_text="What the key may do; empty or absent, everything but `admin.*`.")
    expires_in_seconds = Lifetime(**NULLABLE, help_text="How long it works; for good unless told.")


_create, _update, _key = (
    ServiceAccountCreateSerializer(),
    ServiceAccountUpdateSerializer(),
    ServiceAccountKeyCreateSerializer(),
)


def lifetime_of(values: dict[str, Any]) -> timedelta | None:
    found = values.get("expires_in_seconds")
    return None if found is None else timedelta(seconds=found)


def parse_new_service_account(body: dict[str, Any]) -> NewServiceAccount:
    """Raises InvalidRequest where a key is to expire that is not to be made."""
    values = _create.parse(body)
    bare, lifetime = values.get("create_service_account_only", False), lifetime_of(values)
    if bare and lifetime is not None:
        raise InvalidRequest(
            "'expires_in_seconds' cannot be used when 'create_service_account_only' is true: there is no key.",
            param="expires_in_seconds",
            code="invalid_value",
        )
    return NewServiceAccount(name=values["name"], with_key=not bare, lifetime=lifetime)


def parse_service_account_change(body: dict[str, Any]) -> ServiceAccountChange:
    values = _update.parse(body)
    role = SERVICE_ACCOUNTS.read(values["role"]) if "role" in values else None
    return ServiceAccountChange(name=values.get("name"), role=role)


def parse_new_key(body: dict[str, Any]) -> NewKey:
    values = _key.parse(body)
    return NewKey(name=values.get("name"), scopes=values.get("scopes"), lifetime=lifetime_of(values))


def role_shown(account: ServiceAccount) -> str:
    """The role of a service account in its project, in the wire's words."""
    return SERVICE_ACCOUNTS.show(known(account.role))


def service_account_object(account: ServiceAccount) -> dict[str, Any]:
    """`ProjectServiceAccount` of the specification."""
    return {
        "id": account.public_id,
        "object": "organization.project.service_account",
        "name": account.name,
        "role": role_shown(account),
        "created_at": seconds(account.created_at),
    }


def new_service_account_object(account: ServiceAccount, key: ApiKey | None, token: str) -> dict[str, Any]:
    """`ProjectServiceAccountCreateResponse`: the only time that the key is shown."""
    return {
        **service_account_object(account),
        "api_key": None if key is None else new_key_object(key, token),
    }


def new_key_object(key: ApiKey, token: str) -> dict[str, Any]:
    """`ProjectServiceAccountApiKey`: the only time that the key is shown."""
    return {
        "id": key.public_id,
        "object": "organization.project.service_account.api_key",
        "name": key.name,
        "value": token,
        "created_at": seconds(key.created_at),
        "expires_at": seconds(key.expires_at),
    }
