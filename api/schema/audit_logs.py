"""The audit log in the document."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from api.schema.organization_shapes import MOMENT, PROJECT, one_of
from api.schema.shapes import OPTIONAL, integer, shape, text

TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
QUERY: Final = OpenApiParameter.QUERY
SECONDS = "In seconds since 1970."
FILTERS = [
    *(OpenApiParameter(f"effective_at[{how}]", int, QUERY, description=SECONDS) for how in ("gt", "gte", "lt", "lte")),
    OpenApiParameter("event_types[]", TEXTS, QUERY, description="Without it, only types of OpenAI's specification."),
    OpenApiParameter("project_ids[]", TEXTS, QUERY, description="Only what concerns these projects."),
    OpenApiParameter("actor_ids[]", TEXTS, QUERY, description="Ids of users, service accounts or API keys."),
    OpenApiParameter("actor_emails[]", TEXTS, QUERY, description="E-mail addresses of users."),
    OpenApiParameter("resource_ids[]", TEXTS, QUERY, description="Ids of what was changed."),
    OpenApiParameter("tenant_only", bool, QUERY, description="Can only be false.", default=False),
]
User = shape("AuditLogActorUser", "A person.", {"id": text(), "email": text()})
Program = shape("AuditLogActorServiceAccount", "A program.", {"id": text()})
Key = shape(
    "AuditLogActorApiKey",
    "The key that was used, and who owns it.",
    {
        "id": text(),
        "type": one_of("user", "service_account"),
        "user": User(**OPTIONAL),
        "service_account": Program(**OPTIONAL),
    },
)
Session = shape("AuditLogActorSession", "Somebody on the staff pages.", {"user": User(), "ip_address": text()})
Actor = shape(
    "AuditLogActor",
    "Who did it.",
    {"type": one_of("session", "api_key"), "session": Session(**OPTIONAL), "api_key": Key(**OPTIONAL)},
)
AuditLog = shape(
    "AuditLog",
    "Something that was done. What was done stands under the name of its type: `project.created` and so on.",
    {
        "id": text(),
        "object": one_of("organization.audit_log"),
        "type": text("What was done: `project.created` and so on."),
        "effective_at": integer("When, in seconds since 1970."),
        "actor": Actor(allow_null=True, help_text="Null for commands, and for what the server did by itself."),
        "project": shape("AuditLogProject", "The project that it concerns.", {"id": text(), "name": text()})(
            **OPTIONAL
        ),
    },
)
AUDIT_LOG: dict[str, Any] = {
    "id": "audit_log-Wq9ErTy3UiOp6AsDf1GhJk4L",
    "object": "organization.audit_log",
    "type": "project.created",
    "effective_at": MOMENT,
    "actor": {
        "type": "api_key",
        "api_key": {
            "id": "key_Pl0OkMi9JnUb8HyGv7TfCr6D",
            "type": "user",
            "user": {"id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P", "email": "ada@example.com"},
        },
    },
    "project.created": {"id": PROJECT["id"], "data": {"name": "Search", "title": "Search"}},
    "project": {"id": PROJECT["id"], "name": "Search"},
}
