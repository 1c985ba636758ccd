"""The objects of the Admin API in the document, and an example of each."""

from typing import Any

from rest_framework import serializers

from api.schema.shapes import NULLABLE, OPTIONAL, Shape, constant, created, integer, shape, text

MOMENT = 1764028800


def one_of(*choices: str, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=choices, **options)


def moment(description: str) -> serializers.Field[Any, Any, Any, Any]:
    return integer(description, **NULLABLE)


def listed(name: str, item: Shape) -> Shape:
    """A page of these."""
    return shape(
        name,
        "A page of a list.",
        {
            "object": constant("list"),
            "data": item(many=True),
            "first_id": text("The id of the first object; null on an empty page.", **NULLABLE),
            "last_id": text("The id of the last object: the `after` of the next page.", **NULLABLE),
            "has_more": serializers.BooleanField(help_text="Whether there are more in this direction."),
        },
    )


def page(*items: dict[str, Any]) -> dict[str, Any]:
    """The example of a page."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"],
        "last_id": items[-1]["id"],
        "has_more": False,
    }


def deletion(name: str, kind: str, *, named: bool = True) -> Shape:
    """The answer to a deletion."""
    id = {"id": text("What was deleted.")} if named else {}
    return shape(name, "It is deleted.", {**id, "object": constant(f"{kind}.deleted"), "deleted": _true()})


def _true() -> serializers.Field[Any, Any, Any, Any]:
    return serializers.BooleanField(help_text="Always true.")


Project = shape(
    "Project",
    "A project.",
    {
        "id": text(),
        "object": constant("organization.project"),
        "name": text("What it is called."),
        "created_at": created(),
        "archived_at": moment("When it was archived, in seconds since 1970."),
        "status": one_of("active", "archived"),
    },
)
PROJECT: dict[str, Any] = {
    "id": "proj_Kb2mVw8Rq1ZtXc5NhJd7Ls3P",
    "object": "organization.project",
    "name": "Search",
    "created_at": MOMENT,
    "archived_at": None,
    "status": "active",
}
ServiceAccount = shape(
    "ProjectServiceAccount",
    "A program that owns keys of a project.",
    {
        "id": text(),
        "object": constant("organization.project.service_account"),
        "name": text(),
        "role": one_of("owner", "member", "none"),
        "created_at": created(),
    },
)
SERVICE_ACCOUNT: dict[str, Any] = {
    "id": "svc_acct_Fy6TgBn4Hu8MjKi2LoPq9WeR",
    "object": "organization.project.service_account",
    "name": "indexer",
    "role": "member",
    "created_at": MOMENT,
}
NewKey = shape(
    "ServiceAccountApiKey",
    "A key, the only time that it is shown.",
    {
        "id": text(),
        "object": constant("organization.project.service_account.api_key"),
        "name": text(),
        "value": text("The key. Nothing can show it again."),
        "created_at": created(),
        "expires_at": moment("When it stops working, in seconds since 1970."),
    },
)
NEW_KEY: dict[str, Any] = {
    "id": "key_Zx3CvBn7Ma1SdFg5HjKl9QwE",
    "object": "organization.project.service_account.api_key",
    "name": "Secret Key",
    "value": "sk-lukhas-Ab3d…",
    "created_at": MOMENT,
    "expires_at": None,
}
NewServiceAccount = shape(
    "ProjectServiceAccountCreateResponse",
    "A new service account, with its first key unless it was to have none.",
    {
        "id": text(),
        "object": constant("organization.project.service_account"),
        "name": text(),
        "role": one_of("member", "none"),
        "created_at": created(),
        "api_key": NewKey(allow_null=True),
    },
)
KeyOwner = shape(
    "ProjectApiKeyOwner",
    "Who owns a key: what `type` says.",
    {
        "type": one_of("user", "service_account"),
        "user": shape(
            "ProjectApiKeyOwnerUser",
            "A person.",
            {"id": text(), "email": text(), "name": text(), "created_at": created(), "role": text()},
        )(**OPTIONAL),
        "service_account": shape(
            "ProjectApiKeyOwnerServiceAccount",
            "A program.",
            {"id": text(), "name": text(), "created_at": created(), "role": text()},
        )(**OPTIONAL),
    },
)
ProjectKey = shape(
    "ProjectApiKey",
    "A key of a project.",
    {
        "id": text(),
        "object": constant("organization.project.api_key"),
        "name": text(),
        "redacted_value": text("All of the key that is still known."),
        "created_at": created(),
        "last_used_at": moment("When it was last used, to the minute, in seconds since 1970."),
        "expires_at": moment("When it stops working, in seconds since 1970."),
        "owner_project_access": one_of("active", "inactive", help_text="Without access of its owner a key fails."),
        "owner": KeyOwner(),
    },
)
PROJECT_KEY: dict[str, Any] = {
    "id": NEW_KEY["id"],
    "object": "organization.project.api_key",
    "name": "Secret Key",
    "redacted_value": "sk-lukhas-Ab3d...wxyz",
    "created_at": MOMENT,
    "last_used_at": None,
    "expires_at": None,
    "owner_project_access": "active",
    "owner": {
        "type": "service_account",
        "service_account": {name: SERVICE_ACCOUNT[name] for name in ("id", "name", "created_at", "role")},
    },
}
AdminKeyOwner = shape(
    "AdminApiKeyOwner",
    "Who owns an admin key.",
    {
        "type": one_of("user", "service_account"),
        "object": one_of("organization.user", "organization.project.service_account"),
        "id": text(),
        "name": text(),
        "created_at": created(),
        "role": text("The owner's role in the organisation."),
    },
)
_ADMIN_KEY: dict[str, Any] = {
    "id": text(),
    "object": constant("organization.admin_api_key"),
    "name": text(),
    "redacted_value": text("All of the key that is still known."),
    "created_at": created(),
    "last_used_at": moment("When it was last used, to the minute, in seconds since 1970."),
    "expires_at": moment("When it stops working, in seconds since 1970."),
    "owner": AdminKeyOwner(),
}
AdminKey = shape("AdminApiKey", "A key of the whole organisation.", _ADMIN_KEY)
NewAdminKey = shape(
    "AdminApiKeyCreateResponse",
    "A new admin key, the only time that it is shown.",
    {**_ADMIN_KEY, "value": text("The key. Nothing can show it again.")},
)
ADMIN_KEY: dict[str, Any] = {
    "id": "key_Pl0OkMi9JnUb8HyGv7TfCr6D",
    "object": "organization.admin_api_key",
    "name": "automation",
    "redacted_value": "sk-admin-lukhas-Xy7z...abcd",
    "created_at": MOMENT,
    "last_used_at": None,
    "expires_at": None,
    "owner": {
        "type": "user",
        "object": "organization.user",
        "id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P",
        "name": "Ada Lovelace",
        "created_at": MOMENT,
        "role": "owner",
    },
}
RateLimit = shape(
    "ProjectRateLimit",
    "The rate limits of a model in a project.",
    {
        "id": text(),
        "object": constant("project.rate_limit"),
        "model": text("A model or an alias."),
        "max_requests_per_1_minute": integer(),
        "max_tokens_per_1_minute": integer(),
        "max_requests_per_1_day": integer("Only where there is a limit.", **OPTIONAL),
    },
)
RATE_LIMIT: dict[str, Any] = {
    "id": "rl-5f1e4c0a9d7b4f6e8c2a1b3d",
    "object": "project.rate_limit",
    "model": "lukhas-chat-1",
    "max_requests_per_1_minute": 600,
    "max_tokens_per_1_minute": 100_000,
}
Enforcement = shape(
    "SpendLimitEnforcement",
    "Whether calls are refused for the limit now.",
    {"status": one_of("inactive", "enforcing")},
)


def spend_limit(name: str, kind: str) -> Shape:
    return shape(
        name,
        "The most to be spent in a month of UTC.",
        {
            "object": constant(kind),
            "threshold_amount": integer("In cents."),
            "currency": constant("USD"),
            "interval": constant("month"),
            "enforcement": Enforcement(),
        },
    )


OrganizationSpendLimit = spend_limit("OrganizationSpendLimit", "organization.spend_limit")
ProjectSpendLimit = spend_limit("ProjectSpendLimit", "project.spend_limit")
SPEND_LIMIT: dict[str, Any] = {
    "threshold_amount": 50_000,
    "currency": "USD",
    "interval": "month",
    "enforcement": {"status": "inactive"},
}
ModelPermissions = shape(
    "ProjectModelPermissions",
    "Which models a project may use.",
    {
        "object": constant("project.model_permissions"),
        "mode": one_of("allow_list", "deny_list"),
        "model_ids": serializers.ListField(child=serializers.CharField()),
    },
)
MODEL_PERMISSIONS: dict[str, Any] = {
    "object": "project.model_permissions",
    "mode": "allow_list",
    "model_ids": ["lukhas-chat-1"],
}
