"""What the OpenAPI document says of /api/audit, whose views know nothing of it."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import Throttled, UnsupportedMediaType, ValidationError

from accounts.exceptions import (
    Conflicting,
    KeyInvalid,
    KeyMissing,
    NotThere,
    OrganizationUnclear,
    ScopeMissing,
    SessionInvalid,
)
from accounts.views.audit import ACTORS, SOURCES, AuditListView, AuditRestoreView
from api import exceptions as wire
from api.schema.audit_logs import FILTERS, TEXTS
from api.schema.errors import ANYWHERE, DESCRIPTIONS, NOT_JSON, Examples, responses
from api.schema.organization_shapes import MOMENT, PROJECT, one_of
from api.schema.shapes import NULLABLE, Shape, answers, constant, integer, shape, text

TAG = "Audit"
QUERY: Final = OpenApiParameter.QUERY
ID: Final = OpenApiParameter("event_id", str, OpenApiParameter.PATH, description="The id of an event.")
OWN_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    403: "The key is good, but is no admin key; or whoever calls has too low a role for this.",
    404: "There is no such event in the organisation.",
    409: "It cannot be restored: what it tells of is gone, or what is there now does not permit it.",
}
EVERY: Mapping[int, Examples] = {
    **ANYWHERE,
    400: {
        **ANYWHERE[400],
        "Unknown parameter": wire.UnknownParameter("colour"),
        "Several organisations": OrganizationUnclear(),
    },
    401: {"No key": KeyMissing(), "Wrong key": KeyInvalid("sk-lu***wxyz"), "Session over": SessionInvalid()},
    403: {
        "Not an admin key": ScopeMissing(("admin.*",)),
        "Not an admin": ScopeMissing(("organization.audit.read",)),
    },
    429: {"Too many requests": Throttled(wait=17)},
    503: {"Database away": wire.Overloaded("The database is not reachable.")},
}
WRONG_FILTER: Mapping[int, Examples] = {
    400: {"Unknown source": ValidationError({"sources": [f"'web' is none of {', '.join(SOURCES)}."]}, "invalid_value")}
}
RESTORING: Mapping[int, Examples] = {
    400: NOT_JSON,
    403: {"Role too low": ScopeMissing(("organization.limits.update",))},
    404: {"Not there": NotThere("audit event", "audit_log-unknown")},
    409: {"Gone": Conflicting("It is not there any longer.", code="cannot_restore")},
    415: {"Not JSON": UnsupportedMediaType("text/plain")},
}
LIST_OF: Any = TEXTS["items"]
PARAMETERS = [
    OpenApiParameter("limit", int, QUERY, description="How many at most: 1 to 100.", default=20),
    OpenApiParameter("after", str, QUERY, description="The id of the event after which the page begins."),
    OpenApiParameter("before", str, QUERY, description="The id of the event before which the page ends."),
    *(one for one in FILTERS if one.name not in ("tenant_only", "event_types[]")),
    OpenApiParameter("event_types[]", TEXTS, QUERY, description="Only these types; all types without it."),
    OpenApiParameter("resource_types[]", TEXTS, QUERY, description="Only what was done to these: `accounts.project`."),
    OpenApiParameter(
        "actor_types[]",
        {**TEXTS, "items": {**LIST_OF, "enum": list(ACTORS)}},
        QUERY,
        description="Only what these did.",
    ),
    OpenApiParameter(
        "sources[]", {**TEXTS, "items": {**LIST_OF, "enum": list(SOURCES)}}, QUERY, description="Only from there."
    ),
    OpenApiParameter("request_ids[]", TEXTS, QUERY, description="Only what happened in these requests."),
]
Resource = shape(
    "AuditResource",
    "What was changed.",
    {
        "type": text("The model: `accounts.project`."),
        "id": text(),
        "name": text("What it was called.", **NULLABLE),
    },
)
SIDE: Any = {"help_text": "All recorded fields on this side of the change; null where there was nothing.", **NULLABLE}
AuditEventShape = shape(
    "AuditEvent",
    "Something that was done, with both sides of the change.",
    {
        "id": text(),
        "object": constant("audit_event"),
        "type": text("What was done: `project.created` and so on; types of this server's own, too."),
        "effective_at": integer("When, in seconds since 1970."),
        "source": one_of(*SOURCES),
        "actor": shape(
            "AuditActor",
            "Who did it.",
            {
                "type": one_of(*ACTORS),
                "id": text("A public id, or the operating system's user for a command.", **NULLABLE),
                "name": text("An e-mail, or a name.", **NULLABLE),
                "credential_id": text("The key or the session that was used.", **NULLABLE),
            },
        )(),
        "address": text("From where.", **NULLABLE),
        "user_agent": text("By which program.", **NULLABLE),
        "request_id": text("In which request.", **NULLABLE),
        "resource": Resource(),
        "project": shape("AuditProject", "The project that it concerns.", {"id": text(), "name": text()})(**NULLABLE),
        "before": serializers.DictField(**SIDE),
        "after": serializers.DictField(**SIDE),
        "changed": serializers.ListField(child=text(), help_text="The fields that differ."),
        "sequence": integer("Its place in the organisation's chain, from 1."),
        "hash": text("SHA-256 of the event, with the hash of the one before it."),
    },
)
EVENT: dict[str, Any] = {
    "id": "audit_log-Wq9ErTy3UiOp6AsDf1GhJk4L",
    "object": "audit_event",
    "type": "project.updated",
    "effective_at": MOMENT,
    "source": "api",
    "actor": {
        "type": "user",
        "id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P",
        "name": "ada@example.com",
        "credential_id": "key_Pl0OkMi9JnUb8HyGv7TfCr6D",
    },
    "address": "203.0.113.7",
    "user_agent": "OpenAI/Python 2.0",
    "request_id": "req_5f1e4c0a9d7b4f6e8c2a1b3d5e7f9a0b",
    "resource": {"type": "accounts.project", "id": PROJECT["id"], "name": "Search"},
    "project": {"id": PROJECT["id"], "name": "Search"},
    "before": {"public_id": PROJECT["id"], "name": "Serach"},
    "after": {"public_id": PROJECT["id"], "name": "Search"},
    "changed": ["name"],
    "sequence": 42,
    "hash": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
}
EventList = shape(
    "AuditEventList",
    "A page of events, the latest first.",
    {
        "object": constant("list"),
        "data": AuditEventShape(many=True),
        "first_id": text("The id of the first.", **NULLABLE),
        "last_id": text("The id of the last.", **NULLABLE),
        "has_more": serializers.BooleanField(help_text="Whether there are older ones."),
    },
)
LIST = {"object": "list", "data": [EVENT], "first_id": EVENT["id"], "last_id": EVENT["id"], "has_more": False}
Restored = shape(
    "AuditEventRestored",
    "What was there before is there again.",
    {
        "id": text("Which event."),
        "object": constant("audit_event.restored"),
        "restored": serializers.BooleanField(),
        "resource": Resource(help_text="What has its former values back: a new row if it had been deleted."),
    },
)
RESTORED = {
    "id": EVENT["id"],
    "object": "audit_event.restored",
    "restored": True,
    "resource": {"type": "accounts.project", "id": PROJECT["id"], "name": "Serach"},
}


def operation(
    operation_id: str,
    summary: str,
    answer: tuple[Shape, Mapping[str, Any]],
    errors: Mapping[int, Examples],
    **more: Any,
) -> Any:
    """The decorator of an operation that answers this shape, as in the example."""
    good = OpenApiResponse(answer[0], description="It is done.", examples=answers({"Example": answer[1]}))
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[TAG],
        request=None,
        responses={200: good, **responses(EVERY, errors, descriptions=OWN_DESCRIPTIONS)},
        **more,
    )


DOCUMENTED = (
    extend_schema_view(
        get=operation(
            "listAuditEvents",
            "Search the whole audit log",
            (EventList, LIST),
            WRONG_FILTER,
            parameters=PARAMETERS,
        )
    )(AuditListView),
    extend_schema_view(
        post=operation(
            "restoreAuditEvent",
            "Put back what a change replaced",
            (Restored, RESTORED),
            RESTORING,
            parameters=[ID],
        )
    )(AuditRestoreView),
)
"""Those views, described: decorating changes them where they are."""
