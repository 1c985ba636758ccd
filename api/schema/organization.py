"""What the OpenAPI document says of the Admin API: its views' decorators, under the specification's operation ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts.exceptions import KeyInvalid, KeyMissing, ScopeMissing
from api import exceptions as wire
from api.schema import audit_logs as audits
from api.schema import organization_shapes as shapes
from api.schema.errors import ANYWHERE, DESCRIPTIONS, NOT_JSON, Examples, responses
from api.schema.shapes import Shape, answers, requests
from api.serializers.organization import api_keys, projects, service_accounts

Method = TypeVar("Method", bound=Callable[..., Any])

QUERY: Final = OpenApiParameter.QUERY
PATH: Final = OpenApiParameter.PATH
AFTER = OpenApiParameter("after", str, QUERY, description="The id of the object after which the page begins.")
BEFORE = OpenApiParameter("before", str, QUERY, description="The id of the object before which the page ends.")
ORDER = OpenApiParameter("order", str, QUERY, enum=["asc", "desc"], default="asc", description="By time of making.")
INSIDE: dict[str, str] = {
    "project_id": "project",
    "service_account_id": "service account",
    "api_key_id": "API key",
    "key_id": "admin API key",
    "rate_limit_id": "rate limit",
    "alert_id": "spend alert",
    "user_id": "user",
    "role_id": "role",
    "invite_id": "invite",
}
"""Parts of paths, and what each names."""
ERRORS: Mapping[int, Examples] = {
    **ANYWHERE,
    401: {"No key": KeyMissing(), "Wrong key": KeyInvalid("sk-lu***wxyz")},
    403: {"Not an admin key": ScopeMissing(("admin.*",))},
    503: {"Database away": wire.Overloaded("The database is not reachable.")},
}
MISSING: Mapping[int, Examples] = {404: {"Not there": wire.NotFound("project", "proj_unknown")}}
WITH_BODY: Mapping[int, Examples] = {
    400: {**NOT_JSON, "Unknown parameter": wire.UnknownParameter("nmae")},
    415: {"Not JSON": wire.UnsupportedContentType('Unsupported media type "text/plain" in request.')},
}
WITH_QUERY: Mapping[int, Examples] = {400: {"Unknown parameter": wire.UnknownParameter("limits")}}
TAKEN: Mapping[int, Examples] = {
    409: {"Name taken": wire.Conflict("The project has a service account of this name already.", code="name_taken")}
}
ADMIN_DESCRIPTIONS = {
    **DESCRIPTIONS,
    403: "The key is good, but is no admin key, or its owner has too low a role.",
    404: "There is no such object in the organisation of the key.",
    409: "Something else is there already. Trying again does not help.",
    502: "Another server that is needed did not do its part.",
}


class Decorator(Protocol):
    """What is put on a view's method, which stays what it was."""

    def __call__(self, method: Method, /) -> Method: ...


def operation(
    operation_id: str,
    summary: str,
    shape: Shape,
    answer: Mapping[str, Any],
    *,
    inside: Sequence[str] = (),
    query: Sequence[OpenApiParameter] = (),
    body: tuple[Any, Mapping[str, Mapping[str, Any]]] | None = None,
    also: Mapping[int, Examples] | None = None,
) -> Decorator:
    """The decorator of an operation that answers `answer`, an example of `shape`.

    `inside` are the parts of its path that name something; `body` is what it takes, and examples by their titles;
    `also` are errors beyond those that follow from these.
    """
    parts = [OpenApiParameter(name, str, PATH, description=f"The id of the {INSIDE[name]}.") for name in inside]
    examples: list[OpenApiExample] = requests(body[1]) if body else []
    tables = [MISSING if inside else {}, WITH_BODY if body else {}, WITH_QUERY if query else {}, also or {}]
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["Administration"],
        parameters=[*parts, *query],
        request=body[0] if body else None,
        examples=examples,
        responses={
            200: OpenApiResponse(shape, description="It is done.", examples=answers({"Example": answer})),
            **responses(ERRORS, *tables, descriptions=ADMIN_DESCRIPTIONS),
        },
    )


def limit(default: int = 20) -> OpenApiParameter:
    return OpenApiParameter("limit", int, QUERY, description="How many at most: 1 to 100.", default=default)


def deletion(kind: str, id: str | None = None) -> dict[str, Any]:
    """The example of an answer to a deletion."""
    return {**({} if id is None else {"id": id}), "object": f"{kind}.deleted", "deleted": True}


IN_PROJECT = ("project_id",)
IN_ACCOUNT = ("project_id", "service_account_id")
PAGE = (AFTER, limit())

list_projects = operation(
    "list-projects",
    "List projects",
    shapes.listed("ProjectListResponse", shapes.Project),
    shapes.page(shapes.PROJECT),
    query=[*PAGE, OpenApiParameter("include_archived", bool, QUERY, default=False)],
)
create_project = operation(
    "create-project",
    "Create a project",
    shapes.Project,
    shapes.PROJECT,
    body=(projects.ProjectCreateSerializer, {"By name": {"name": "Search"}}),
)
retrieve_project = operation(
    "retrieve-project", "Retrieve a project", shapes.Project, shapes.PROJECT, inside=IN_PROJECT
)
modify_project = operation(
    "modify-project",
    "Rename a project",
    shapes.Project,
    shapes.PROJECT,
    inside=IN_PROJECT,
    body=(projects.ProjectUpdateSerializer, {"Another name": {"name": "Search"}}),
)
archive_project = operation(
    "archive-project",
    "Archive a project",
    shapes.Project,
    {**shapes.PROJECT, "archived_at": shapes.MOMENT, "status": "archived"},
    inside=IN_PROJECT,
    also={
        400: {"Default project": wire.InvalidRequest("The default project cannot be archived.", code="default_project")}
    },
)
list_service_accounts = operation(
    "list-project-service-accounts",
    "List service accounts",
    shapes.listed("ProjectServiceAccountListResponse", shapes.ServiceAccount),
    shapes.page(shapes.SERVICE_ACCOUNT),
    inside=IN_PROJECT,
    query=PAGE,
)
create_service_account = operation(
    "create-project-service-account",
    "Create a service account and its first key",
    shapes.NewServiceAccount,
    {**shapes.SERVICE_ACCOUNT, "api_key": shapes.NEW_KEY},
    inside=IN_PROJECT,
    body=(
        service_accounts.ServiceAccountCreateSerializer,
        {
            "With a key": {"name": "indexer"},
            "With a key for a month": {"name": "indexer", "expires_in_seconds": 2_592_000},
            "Without a key": {"name": "indexer", "create_service_account_only": True},
        },
    ),
    also=TAKEN,
)
retrieve_service_account = operation(
    "retrieve-project-service-account",
    "Retrieve a service account",
    shapes.ServiceAccount,
    shapes.SERVICE_ACCOUNT,
    inside=IN_ACCOUNT,
)
update_service_account = operation(
    "update-project-service-account",
    "Change a service account",
    shapes.ServiceAccount,
    shapes.SERVICE_ACCOUNT,
    inside=IN_ACCOUNT,
    body=(
        service_accounts.ServiceAccountUpdateSerializer,
        {"Another name": {"name": "indexer-2"}, "Another role": {"role": "owner"}},
    ),
    also=TAKEN,
)
delete_service_account = operation(
    "delete-project-service-account",
    "Delete a service account and its keys",
    shapes.deletion("ProjectServiceAccountDeleteResponse", "organization.project.service_account"),
    deletion("organization.project.service_account", shapes.SERVICE_ACCOUNT["id"]),
    inside=IN_ACCOUNT,
)
create_service_account_key = operation(
    "CreateanAPIkeyforaserviceaccount",
    "Create a further key of a service account",
    shapes.NewKey,
    shapes.NEW_KEY,
    inside=IN_ACCOUNT,
    body=(
        service_accounts.ServiceAccountKeyCreateSerializer,
        {
            "All scopes": {"name": "second"},
            "Only models": {"name": "second", "scopes": ["model.read", "model.request"]},
        },
    ),
)
list_project_keys = operation(
    "list-project-api-keys",
    "List the keys of a project",
    shapes.listed("ProjectApiKeyListResponse", shapes.ProjectKey),
    shapes.page(shapes.PROJECT_KEY),
    inside=IN_PROJECT,
    query=[
        *PAGE,
        OpenApiParameter("owner_project_access", str, QUERY, enum=["active", "inactive", "any"], default="any"),
    ],
)
retrieve_project_key = operation(
    "retrieve-project-api-key",
    "Retrieve a key of a project",
    shapes.ProjectKey,
    shapes.PROJECT_KEY,
    inside=("project_id", "api_key_id"),
)
delete_project_key = operation(
    "delete-project-api-key",
    "Revoke a key of a project",
    shapes.deletion("ProjectApiKeyDeleteResponse", "organization.project.api_key"),
    deletion("organization.project.api_key", shapes.PROJECT_KEY["id"]),
    inside=("project_id", "api_key_id"),
)
list_admin_keys = operation(
    "admin-api-keys-list",
    "List admin keys",
    shapes.listed("ApiKeyList", shapes.AdminKey),
    shapes.page(shapes.ADMIN_KEY),
    query=[*PAGE, ORDER],
)
create_admin_key = operation(
    "admin-api-keys-create",
    "Create an admin key",
    shapes.NewAdminKey,
    {**shapes.ADMIN_KEY, "value": "sk-admin-lukhas-Xy7z…"},
    body=(
        api_keys.AdminKeyCreateSerializer,
        {"For good": {"name": "automation"}, "For a month": {"name": "automation", "expires_in_seconds": 2_592_000}},
    ),
)
retrieve_admin_key = operation(
    "admin-api-keys-get", "Retrieve an admin key", shapes.AdminKey, shapes.ADMIN_KEY, inside=("key_id",)
)
delete_admin_key = operation(
    "admin-api-keys-delete",
    "Revoke an admin key",
    shapes.deletion("AdminApiKeyDeleteResponse", "organization.admin_api_key"),
    deletion("organization.admin_api_key", shapes.ADMIN_KEY["id"]),
    inside=("key_id",),
)
list_audit_logs = operation(
    "list-audit-logs",
    "Search the audit log",
    shapes.listed("ListAuditLogsResponse", audits.AuditLog),
    shapes.page(audits.AUDIT_LOG),
    query=[*PAGE, BEFORE, *audits.FILTERS],
)
